#include "spec.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "codes.h"

namespace taskzip {
namespace {

using Json = nlohmann::json;

Json task(const std::string& name) {
  const Json tensor = {
      {"name", "x"}, {"dtype", "float32"}, {"shape", {1, 2, 3}}, {"file", "golden/x.bin"}};
  return {{"name", name},
          {"model", "bundle/joint.pte"},
          {"entry", name},
          {"inputs", {tensor}},
          {"outputs", {tensor}}};
}

Json valid_spec() {
  return {{"contract", kContractVersion},
          {"run", "run-1"},
          {"runtime", "executorch"},
          {"deployment", "joint"},
          {"cache", "warm"},
          {"packed_cache", false},
          {"mode", "latency"},
          {"tasks", {task("a"), task("b")}},
          {"tiny", task("tiny")},
          {"packed_dir", nullptr},
          {"sequence", {0, 1, 0}},
          {"warmups", 1},
          {"inferences", 5},
          {"memory_every", 0},
          {"threads", 1},
          {"lru_k", nullptr},
          {"start_on_tick", false}};
}

// The error of a valid spec with one value replaced; `pointer` is a JSON pointer.
Error error_with(const std::string& pointer, const Json& value) {
  Json spec = valid_spec();
  spec[Json::json_pointer(pointer)] = value;
  const auto parsed = parse_spec(spec.dump());
  return parsed.ok() ? Error{"", ""} : parsed.error();
}

TEST(Spec, AValidSpecIsReadWhole) {
  const auto parsed = parse_spec(valid_spec().dump());
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const RunSpec& spec = parsed.value();
  EXPECT_EQ(spec.runtime, Runtime::kExecutorch);
  EXPECT_EQ(spec.deployment, DeploymentKind::kJoint);
  EXPECT_EQ(spec.tasks.size(), 2U);
  EXPECT_EQ(spec.tasks[1].name, "b");
  EXPECT_EQ(spec.tasks[0].inputs[0].bytes, 24U);
  EXPECT_EQ(spec.tiny.entry, "tiny");
  EXPECT_EQ(spec.sequence, (std::vector<std::size_t>{0, 1, 0}));
  EXPECT_EQ(spec.inferences, 5U);
  EXPECT_FALSE(spec.packed_dir.has_value());
}

TEST(Spec, AnotherContractIsRefusedFirst) {
  Json spec = valid_spec();
  spec["contract"] = kContractVersion + 1;
  spec.erase("tasks");
  EXPECT_EQ(parse_spec(spec.dump()).error().code, code::kContractMismatch);
}

TEST(Spec, EveryMissingFieldIsNamed) {
  const Json whole = valid_spec();
  for (const auto& [key, value] : whole.items()) {
    Json spec = whole;
    spec.erase(key);
    const auto parsed = parse_spec(spec.dump());
    ASSERT_FALSE(parsed.ok()) << key;
    EXPECT_EQ(parsed.error().code, code::kBadSpec);
    EXPECT_NE(parsed.error().message.find(key), std::string::npos) << parsed.error().message;
  }
}

TEST(Spec, TextThatIsNoObjectIsRefused) {
  for (const char* text : {"", "{", "[]", "null", "3", "{\"contract\":1"}) {
    EXPECT_EQ(parse_spec(text).error().code, code::kBadSpec) << text;
  }
}

struct BadValue {
  const char* pointer;
  Json value;
  const char* named;
};

void PrintTo(const BadValue& bad, std::ostream* out) { *out << bad.pointer << "=" << bad.value; }

class BadValues : public testing::TestWithParam<BadValue> {};

TEST_P(BadValues, AreRefusedByName) {
  const Error error = error_with(GetParam().pointer, GetParam().value);
  EXPECT_EQ(error.code, code::kBadSpec);
  EXPECT_NE(error.message.find(GetParam().named), std::string::npos) << error.message;
}

INSTANTIATE_TEST_SUITE_P(
    Spec, BadValues,
    testing::Values(BadValue{"/runtime", "onnx", "onnx"},
                    BadValue{"/deployment", 3, "deployment"},
                    BadValue{"/tasks", Json::array(), "tasks"},
                    BadValue{"/tasks/1/model", "bundle/other.pte", "tasks[1].model"},
                    BadValue{"/tasks/0/model", "../joint.pte", "tasks[0].model"},
                    BadValue{"/tasks/0/model", "/etc/passwd", "tasks[0].model"},
                    BadValue{"/tasks/0/model", "a\nb", "tasks[0].model"},
                    BadValue{"/tasks/0/model", "folder/", "tasks[0].model"},
                    BadValue{"/tasks/0/entry", std::string(241, 'a'), "entry"},
                    BadValue{"/tasks/0/inputs", Json::object(), "tasks[0].inputs"},
                    BadValue{"/tasks/0/inputs/0/shape", {1 << 20, 1 << 20, 1 << 20}, "shape"},
                    BadValue{"/tasks/0/inputs/0/shape", {0}, "shape"},
                    BadValue{"/tasks/0/inputs/0/shape", {-1}, "shape"},
                    BadValue{"/tasks/0/inputs/0/shape", {1, 1, 1, 1, 1, 1, 1, 1, 1}, "shape"},
                    BadValue{"/tasks/0/inputs/0/dtype", "float64", "float64"},
                    BadValue{"/sequence", {0, 2}, "sequence"},
                    BadValue{"/sequence", {0.5}, "sequence"},
                    BadValue{"/inferences", -1, "inferences"},
                    BadValue{"/inferences", 1e9, "inferences"},
                    BadValue{"/inferences", 18446744073709551615U, "inferences"},
                    BadValue{"/threads", 0, "threads"}, BadValue{"/packed_dir", "packed", "packed"},
                    BadValue{"/memory_every", -1, "memory_every"},
                    BadValue{"/lru_k", 2, "lru_k"},
                    BadValue{"/deployment", "separate-lru", "lru_k"},
                    BadValue{"/packed_cache", true, "packed"}));

TEST(Spec, AReasonableNumberOfDimensionsMayBeScalar) {
  EXPECT_EQ(error_with("/tasks/0/inputs/0/shape", Json::array()).code, "");
}

}  // namespace
}  // namespace taskzip
