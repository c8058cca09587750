#include "recipe.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "assemble.h"
#include "codes.h"

namespace taskzip {
namespace {

using Json = nlohmann::json;
using Floats = std::vector<float>;
using Blocks = std::map<std::string, std::vector<unsigned char>>;

template <class T>
std::vector<unsigned char> bytes_of(const std::vector<T>& numbers) {
  std::vector<unsigned char> bytes(numbers.size() * sizeof(T));
  std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return bytes;
}

LendBlock lender(const Blocks& blocks) {
  return [&blocks](const std::string& name, const TakeBlock& take) -> Status {
    const auto found = blocks.find(name);
    if (found == blocks.end()) {
      return Error{code::kLoadFailed, "no block " + name};
    }
    return take(found->second.data(), found->second.size());
  };
}

// Three outputs, two elements of a kernel, two inputs.
Json recipe(Json steps, Json strides = {4, 2, 1}, const char* numbers = "float32") {
  return {{"key", "w"}, {"numbers", numbers}, {"sizes", {3, 2, 2}}, {"strides", strides},
          {"steps", steps}};
}

const Json kCopy = {{"op", "copy"}, {"block", "b"},   {"row", 1},
                    {"rows", 2},    {"column", 1}, {"columns", 1}};

std::string text(const Json& weight) {
  return Json{{"format", 2}, {"weights", {weight}}}.dump();
}

template <class T = float>
Result<std::vector<T>> assembled(const Json& weight, const Blocks& blocks) {
  auto recipes = parse_recipes(text(weight));
  TASKZIP_TRY(recipes);
  const Recipe& held = recipes.value().at("w");
  std::vector<T> weights(held.bytes() / sizeof(T), T(-1));
  TASKZIP_TRY(assemble(held, lender(blocks), weights.data()));
  return weights;
}

TEST(Recipe, PutsABlockAtItsPlaceAndZerosElsewhere) {
  const auto found = assembled(recipe({kCopy}), {{"b", bytes_of(Floats{1, 2, 3, 4})}});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found.value(), (Floats{0, 0, 0, 0, 0, 1, 0, 2, 0, 3, 0, 4}));
}

TEST(Recipe, FollowsTheOrderOfTheWeightsInMemory) {
  const auto found =
      assembled(recipe({kCopy}, {1, 3, 6}), {{"b", bytes_of(Floats{1, 2, 3, 4})}});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found.value(), (Floats{0, 0, 0, 0, 0, 0, 0, 1, 3, 0, 2, 4}));
}

TEST(Recipe, AddsValuesAndThenScalesRows) {
  const Json add = {{"op", "add"}, {"values", "v"}, {"places", "p"}, {"count", 2}};
  const Json scale = {{"op", "scale"}, {"factors", "f"}, {"row", 2}, {"rows", 1}};
  const auto found = assembled(recipe({kCopy, add, scale}),
                               {{"b", bytes_of(Floats{1, 2, 3, 4})},
                                {"v", bytes_of(Floats{10, 20})},
                                {"p", bytes_of(std::vector<std::int32_t>{0, 9})},
                                {"f", bytes_of(Floats{2})}});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found.value(), (Floats{10, 0, 0, 0, 0, 1, 0, 2, 0, 46, 0, 8}));
}

// Halves by their bits: 1 is 0x3c00, 2 0x4000, 2049 rounds to 2048, 0x6800.
TEST(Recipe, ComputesInHalfPrecision) {
  using Halves = std::vector<std::uint16_t>;
  const Json add = {{"op", "add"}, {"values", "v"}, {"places", "p"}, {"count", 1}};
  const Json scale = {{"op", "scale"}, {"factors", "f"}, {"row", 2}, {"rows", 1}};
  const Blocks blocks = {{"b", bytes_of(Halves{0x3c00, 0x4000, 0x3c00, 0x3c00})},
                         {"v", bytes_of(Halves{0x6800})},
                         {"p", bytes_of(std::vector<std::int32_t>{5})},
                         {"f", bytes_of(Floats{2})}};
  const Json steps = {kCopy, add, scale};
  const auto found = assembled<std::uint16_t>(recipe(steps, {4, 2, 1}, "float16"), blocks);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found.value(),
            (Halves{0, 0, 0, 0, 0, 0x6800, 0, 0x4000, 0, 0x4000, 0, 0x4000}));
  const auto widened = assembled(recipe(steps, {4, 2, 1}, "widened-float16"), blocks);
  ASSERT_TRUE(widened.ok());
  EXPECT_EQ(widened.value(), (Floats{0, 0, 0, 0, 0, 2048, 0, 2, 0, 2, 0, 2}));
}

TEST(Recipe, WrapsAroundInInt8AndTurnsSigns) {
  using Bytes = std::vector<std::int8_t>;
  const Json add = {{"op", "add"}, {"values", "v"}, {"places", "p"}, {"count", 1}};
  const Json scale = {{"op", "scale"}, {"factors", "f"}, {"row", 2}, {"rows", 1}};
  const auto found = assembled<std::int8_t>(
      recipe({kCopy, add, scale}, {4, 2, 1}, "int8"),
      {{"b", bytes_of(Bytes{100, 2, 127, -5})},
       {"v", bytes_of(Bytes{56})},  // 100 - 200 = -100: 56 more, around the end
       {"p", bytes_of(std::vector<std::int32_t>{5})},
       {"f", bytes_of(Floats{-1})}});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found.value(), (Bytes{0, 0, 0, 0, 0, -100, 0, 2, 0, -127, 0, 5}));
}

TEST(Recipe, RefusesBlocksThatDoNotFit) {
  const Json add = {{"op", "add"}, {"values", "v"}, {"places", "p"}, {"count", 1}};
  const Blocks short_block = {{"b", bytes_of(Floats{1, 2, 3})}};
  EXPECT_EQ(assembled(recipe({kCopy}), short_block).error().code, code::kLoadFailed);
  EXPECT_EQ(assembled(recipe({kCopy}), {}).error().code, code::kLoadFailed);
  for (const std::int32_t place : {-1, 12}) {
    const Blocks beyond = {{"v", bytes_of(Floats{1})},
                           {"p", bytes_of(std::vector<std::int32_t>{place})}};
    EXPECT_EQ(assembled(recipe({add}), beyond).error().message,
              "block p leads beyond the weights");
  }
}

TEST(Recipe, RefusesWhatLeadsBeyondTheWeights) {
  Json rows = kCopy;
  rows["rows"] = 3;
  Json columns = kCopy;
  columns["column"] = 3;
  for (const Json& weight :
       {recipe({rows}), recipe({columns}), recipe({kCopy}, {6, 2, 1}), recipe({{{"op", "mix"}}}),
        recipe({kCopy}, {4, 2}), recipe({kCopy}, {4, 2, 1}, "float64"), Json{{"key", "w"}}}) {
    const auto found = parse_recipes(text(weight));
    ASSERT_FALSE(found.ok());
    EXPECT_EQ(found.error().code, code::kBadSpec);
  }
}

TEST(Recipe, RefusesTextThatIsNone) {
  for (const char* wrong : {"", "{", "[]", R"({"format": 1, "weights": []})",
                            R"({"format": 2, "weights": {}})"}) {
    EXPECT_FALSE(parse_recipes(wrong).ok()) << wrong;
  }
  Json huge = recipe({kCopy});
  huge["sizes"] = {1 << 30, 1 << 30, 1 << 30};
  EXPECT_FALSE(parse_recipes(text(huge)).ok());
}

}  // namespace
}  // namespace taskzip
