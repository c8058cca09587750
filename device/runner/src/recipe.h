// Recipes: how weights that tasks share in part are put together (contracts/recipes.py is the
// master).
//
// Letters: N outputs, C inputs of a layer (of one group), K elements of its kernel.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "result.h"

namespace taskzip {

// The name under which a file keeps its recipes.
inline constexpr char kRecipes[] = "taskzip.recipes";

// What blocks hold and steps compute in. Widened: the constant has the same numbers as float32.
enum class Numbers { kFloat32, kFloat16, kWidenedFloat16, kInt8 };

// Numbers (rows, K, columns) of a block, put from a row and a column on.
struct CopyStep {
  std::string block;
  std::size_t row, rows, column, columns;
};

// Values, added at int32 places of the weights as they lie in memory. int8 wraps around.
struct AddStep {
  std::string values, places;
  std::size_t count;
};

// All numbers of some rows, times a float32 factor for each.
struct ScaleStep {
  std::string factors;
  std::size_t row, rows;
};

using Step = std::variant<CopyStep, AddStep, ScaleStep>;

// Bytes of each number of a constant.
constexpr std::size_t bytes_of_number(Numbers kind) {
  return kind == Numbers::kInt8 ? 1 : kind == Numbers::kFloat16 ? 2 : 4;
}

// One constant: 0, then each step in its order.
struct Recipe {
  Numbers kind;
  std::array<std::size_t, 3> sizes;    // N, K, C
  std::array<std::size_t, 3> strides;  // in numbers
  std::vector<Step> steps;

  std::size_t numbers() const { return sizes[0] * sizes[1] * sizes[2]; }
  std::size_t bytes() const { return numbers() * bytes_of_number(kind); }
};

// By the name under which the runtime asks for the constant.
using Recipes = std::map<std::string, Recipe, std::less<>>;

// Reads recipes from JSON text. What they say lies within the weights of each.
// @retval bad_spec the text is not JSON, or a field is missing, of the wrong type or too large
Result<Recipes> parse_recipes(std::string_view text);

}  // namespace taskzip
