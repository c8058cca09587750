#include "executorch/assembled_weights.h"

#include <cstdlib>
#include <utility>

#include "assemble.h"
#include "codes.h"
#include "executorch/placeholder.h"

namespace taskzip {
namespace {

constexpr std::size_t kAlignment = 64;

std::size_t rounded_up(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

Status lend(const et::NamedDataMap& file, const std::string& name, const TakeBlock& take) {
  const auto data = file.get_data(name);
  if (!data.ok()) {
    return Error{code::kLoadFailed, "block " + name + " is not in the file"};
  }
  return take(data->data(), data->size());
}

}  // namespace

Result<AssembledWeights> AssembledWeights::of(const et::NamedDataMap* file) {
  if (file == nullptr) {
    return AssembledWeights(nullptr, {});
  }
  const auto text = file->get_data(kRecipes);
  if (!text.ok()) {
    return AssembledWeights(file, {});
  }
  auto recipes = parse_recipes({static_cast<const char*>(text->data()), text->size()});
  if (!recipes.ok()) {
    return Error{code::kOpenFailed, "its recipes are damaged: " + recipes.error().message};
  }
  return AssembledWeights(file, recipes.take());
}

AssembledWeights::AssembledWeights(const et::NamedDataMap* file, Recipes recipes)
    : file_(file), recipes_(std::move(recipes)) {
  for (const auto& [key, recipe] : recipes_) {
    keys_.push_back(key.c_str());
  }
}

et::Result<const et::TensorLayout> AssembledWeights::get_tensor_layout(
    std::string_view key) const {
  // Delegates ask for bytes alone; this tells the runtime which keys are taken.
  return recipes_.find(key) == recipes_.end() ? et::Error::NotFound : et::Error::NotSupported;
}

et::Result<et::FreeableBuffer> AssembledWeights::get_data(std::string_view key) const {
  const auto found = recipes_.find(key);
  if (found == recipes_.end()) {
    return et::Error::NotFound;
  }
  trouble_.clear();
  const std::size_t bytes = found->second.bytes();
  if (expects_packed_) {
    return placeholder(bytes);
  }
  void* const memory = std::aligned_alloc(kAlignment, rounded_up(bytes));
  if (memory == nullptr) {
    return no_memory(bytes);
  }
  et::FreeableBuffer buffer(memory, bytes, [](void*, void* data, std::size_t) { std::free(data); });
  const et::Error error = assemble_into(key, found->second, memory);
  if (error != et::Error::Ok) {
    return error;
  }
  return buffer;
}

et::Result<et::FreeableBuffer> AssembledWeights::placeholder(std::size_t bytes) const {
  void* const memory = make_placeholder(bytes);
  if (memory == nullptr) {
    return no_memory(bytes);
  }
  const auto release = [](void* was_wrong, void* data, std::size_t size) {
    *static_cast<bool*>(was_wrong) |= was_read(data, size);
    release_placeholder(data, size);
  };
  return et::FreeableBuffer(memory, bytes, release, &was_wrong_);
}

et::Error AssembledWeights::no_memory(std::size_t bytes) const {
  trouble_ = "no memory for " + std::to_string(bytes) + " bytes of weights";
  return et::Error::MemoryAllocationFailed;
}

et::Error AssembledWeights::load_data_into(std::string_view key, void* buffer,
                                           std::size_t size) const {
  const auto found = recipes_.find(key);
  if (found == recipes_.end()) {
    return et::Error::NotFound;
  }
  if (size < found->second.bytes()) {
    return et::Error::InvalidArgument;
  }
  return assemble_into(key, found->second, buffer);
}

et::Error AssembledWeights::assemble_into(std::string_view key, const Recipe& recipe,
                                          void* buffer) const {
  const LendBlock from_file = [this](const std::string& name, const TakeBlock& take) {
    return lend(*file_, name, take);
  };
  const Status status = assemble(recipe, from_file, buffer);
  if (status.ok()) {
    return et::Error::Ok;
  }
  trouble_ = "weights " + std::string(key) + ": " + status.error().message;
  return et::Error::InvalidExternalData;
}

et::Result<std::uint32_t> AssembledWeights::get_num_keys() const {
  return static_cast<std::uint32_t>(keys_.size());
}

et::Result<const char*> AssembledWeights::get_key(std::uint32_t index) const {
  if (index >= keys_.size()) {
    return et::Error::InvalidArgument;
  }
  return keys_[index];
}

}  // namespace taskzip
