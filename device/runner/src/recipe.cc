#include "recipe.h"

#include <utility>

#include "json_fields.h"

namespace taskzip {
namespace {

// Far above any real network; they keep a wrong file from exhausting the device.
constexpr std::size_t kMostWeights = 100'000;
constexpr std::size_t kMostSteps = 10'000;
constexpr std::int64_t kMostNumbers = std::int64_t{1} << 31;

Result<std::size_t> count(const Node& node, const std::string& key, std::size_t most) {
  auto value = node.integer(key, 0, static_cast<std::int64_t>(most));
  TASKZIP_TRY(value);
  return static_cast<std::size_t>(value.value());
}

// A range of `span` numbers: from `first`, `size` of them.
Status parse_range(const Node& node, const char* first_key, const char* size_key,
                   std::size_t span, std::size_t& first, std::size_t& size) {
  auto begin = count(node, first_key, span);
  TASKZIP_TRY(begin);
  auto length = count(node, size_key, span - begin.value());
  TASKZIP_TRY(length);
  first = begin.value();
  size = length.value();
  return {};
}

Result<Step> parse_copy(const Node& node, const Recipe& recipe) {
  CopyStep step;
  auto block = node.text("block");
  TASKZIP_TRY(block);
  step.block = block.take();
  TASKZIP_TRY(parse_range(node, "row", "rows", recipe.sizes[0], step.row, step.rows));
  TASKZIP_TRY(parse_range(node, "column", "columns", recipe.sizes[2], step.column, step.columns));
  return Step(std::move(step));
}

Result<Step> parse_add(const Node& node, const Recipe& recipe) {
  auto values = node.text("values");
  auto places = node.text("places");
  auto numbers = count(node, "count", recipe.numbers());
  TASKZIP_TRY(values);
  TASKZIP_TRY(places);
  TASKZIP_TRY(numbers);
  return Step(AddStep{values.take(), places.take(), numbers.value()});
}

Result<Step> parse_scale(const Node& node, const Recipe& recipe) {
  ScaleStep step;
  auto factors = node.text("factors");
  TASKZIP_TRY(factors);
  step.factors = factors.take();
  TASKZIP_TRY(parse_range(node, "row", "rows", recipe.sizes[0], step.row, step.rows));
  return Step(std::move(step));
}

Result<Step> parse_step(const Node& node, const Recipe& recipe) {
  auto op = node.text("op");
  TASKZIP_TRY(op);
  if (op.value() == "copy") {
    return parse_copy(node, recipe);
  }
  if (op.value() == "add") {
    return parse_add(node, recipe);
  }
  if (op.value() == "scale") {
    return parse_scale(node, recipe);
  }
  return Error{code::kBadSpec, node.path + "op: unknown word '" + op.value() + "'"};
}

Result<Numbers> parse_numbers(const Node& node) {
  auto word = node.text("numbers");
  TASKZIP_TRY(word);
  static const std::map<std::string, Numbers> kinds = {
      {"float32", Numbers::kFloat32},
      {"float16", Numbers::kFloat16},
      {"widened-float16", Numbers::kWidenedFloat16},
      {"int8", Numbers::kInt8}};
  const auto found = kinds.find(word.value());
  if (found == kinds.end()) {
    return Error{code::kBadSpec, node.path + "numbers: unknown word '" + word.value() + "'"};
  }
  return found->second;
}

Result<std::array<std::size_t, 3>> parse_three(const Node& node, const std::string& key) {
  auto list = node.array(key, 3, 3);
  TASKZIP_TRY(list);
  std::array<std::size_t, 3> three{};
  for (std::size_t i = 0; i < three.size(); ++i) {
    auto value = Node::checked_integer((*list.value())[i], node.path + key, 1, kMostNumbers);
    TASKZIP_TRY(value);
    three[i] = static_cast<std::size_t>(value.value());
  }
  return three;
}

// The weights are not too many, and the strides lead to no number beyond them.
Status check_extent(const Node& node, const Recipe& recipe) {
  constexpr auto most = static_cast<std::size_t>(kMostNumbers);
  std::size_t numbers = 1;
  std::size_t last = 0;
  for (std::size_t i = 0; i < recipe.sizes.size(); ++i) {
    if (recipe.sizes[i] > most / numbers) {
      return Error{code::kBadSpec, node.path + "sizes: too large"};
    }
    numbers *= recipe.sizes[i];
    last += (recipe.sizes[i] - 1) * recipe.strides[i];
  }
  if (last >= numbers) {
    return Error{code::kBadSpec, node.path + "strides: lead beyond the weights"};
  }
  return {};
}

Result<Recipe> parse_recipe(const Node& node) {
  auto kind = parse_numbers(node);
  TASKZIP_TRY(kind);
  auto sizes = parse_three(node, "sizes");
  auto strides = parse_three(node, "strides");
  TASKZIP_TRY(sizes);
  TASKZIP_TRY(strides);
  Recipe recipe{kind.value(), sizes.value(), strides.value(), {}};
  TASKZIP_TRY(check_extent(node, recipe));
  auto steps = node.array("steps", 0, kMostSteps);
  TASKZIP_TRY(steps);
  for (const Json& item : *steps.value()) {
    const std::string where = node.path + "steps[" + std::to_string(recipe.steps.size()) + "].";
    auto step = parse_step(Node{item, where}, recipe);
    TASKZIP_TRY(step);
    recipe.steps.push_back(step.take());
  }
  return recipe;
}

}  // namespace

Result<Recipes> parse_recipes(std::string_view text) {
  const Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const Node node{document, ""};
  auto format = node.integer("format", 2, 2);
  TASKZIP_TRY(format);
  auto weights = node.array("weights", 0, kMostWeights);
  TASKZIP_TRY(weights);
  Recipes recipes;
  for (const Json& item : *weights.value()) {
    const Node one{item, "weights[" + std::to_string(recipes.size()) + "]."};
    auto key = one.text("key");
    auto recipe = parse_recipe(one);
    TASKZIP_TRY(key);
    TASKZIP_TRY(recipe);
    recipes.emplace(key.take(), recipe.take());
  }
  return recipes;
}

}  // namespace taskzip
