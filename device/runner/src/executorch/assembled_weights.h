// The constants of a .pte that are kept in blocks, put together when a method asks for them.
#pragma once

#include <executorch/runtime/core/named_data_map.h>

#include <string>
#include <string_view>
#include <vector>

#include "recipe.h"
#include "result.h"

namespace taskzip {

namespace et = ::executorch::runtime;

// Constants live from the delegate's request until it has packed them. Blocks are mapped for the
// time of a copy, and stay in the page cache.
class AssembledWeights : public et::NamedDataMap {
 public:
  // `file` is the program's own named data and must outlive the result; null: it has none.
  // @retval open_failed its recipes are damaged
  static Result<AssembledWeights> of(const et::NamedDataMap* file);

  // Whether every constant stands in the file as it is.
  bool empty() const { return recipes_.empty(); }

  // Why the last request failed; empty where none did.
  const std::string& trouble() const { return trouble_; }

  et::Result<const et::TensorLayout> get_tensor_layout(std::string_view key) const override;
  et::Result<et::FreeableBuffer> get_data(std::string_view key) const override;
  et::Error load_data_into(std::string_view key, void* buffer, std::size_t size) const override;
  et::Result<std::uint32_t> get_num_keys() const override;
  et::Result<const char*> get_key(std::uint32_t index) const override;

 private:
  AssembledWeights(const et::NamedDataMap* file, Recipes recipes);

  et::Error assemble_into(std::string_view key, const Recipe& recipe, void* buffer) const;

  const et::NamedDataMap* file_;
  Recipes recipes_;
  std::vector<const char*> keys_;
  mutable std::string trouble_;
};

}  // namespace taskzip
