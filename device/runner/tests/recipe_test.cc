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
Json recipe(Json steps, Json strides = {4, 2, 1}) {
  return {{"key", "w"}, {"sizes", {3, 2, 2}}, {"strides", strides}, {"steps", steps}};
}

const Json kCopy = {{"op", "copy"}, {"block", "b"},   {"row", 1},
                    {"rows", 2},    {"column", 1}, {"columns", 1}};

std::string text(const Json& weight) {
  return Json{{"format", 1}, {"weights", {weight}}}.dump();
}

Result<Floats> assembled(const Json& weight, const Blocks& blocks) {
  auto recipes = parse_recipes(text(weight));
  TASKZIP_TRY(recipes);
  const Recipe& held = recipes.value().at("w");
  Floats weights(held.numbers(), -1.0f);
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
        recipe({kCopy}, {4, 2}), Json{{"key", "w"}}}) {
    const auto found = parse_recipes(text(weight));
    ASSERT_FALSE(found.ok());
    EXPECT_EQ(found.error().code, code::kBadSpec);
  }
}

TEST(Recipe, RefusesTextThatIsNone) {
  for (const char* wrong : {"", "{", "[]", R"({"format": 2, "weights": []})",
                            R"({"format": 1, "weights": {}})"}) {
    EXPECT_FALSE(parse_recipes(wrong).ok()) << wrong;
  }
  Json huge = recipe({kCopy});
  huge["sizes"] = {1 << 30, 1 << 30, 1 << 30};
  EXPECT_FALSE(parse_recipes(text(huge)).ok());
}

}  // namespace
}  // namespace taskzip
