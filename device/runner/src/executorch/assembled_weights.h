// The constants of a .pte that are kept in blocks, put together when a method asks for them.
#pragma once

#include <executorch/runtime/core/named_data_map.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "recipe.h"
#include "result.h"

namespace taskzip {

namespace et = ::executorch::runtime;

// Constants live from the delegate's request until it has packed them. Blocks are mapped for the
// time of a copy, and stay in the page cache.
//
// A delegate asks for constants also where it finds them in its packed cache: it knows them by the
// address that it gets, and reads nothing. With `expect_packed` it gets such an address alone.
class AssembledWeights : public et::NamedDataMap {
 public:
  // `file` is the program's own named data and must outlive the result; null: it has none.
  // @retval open_failed its recipes are damaged
  static Result<AssembledWeights> of(const et::NamedDataMap* file);

  // Whether every constant stands in the file as it is.
  bool empty() const { return recipes_.empty(); }

  // Whether constants that are asked for from here on are believed to be packed already.
  void expect_packed(bool packed) { expects_packed_ = packed; }

  // Whether the delegate read a constant that was believed to be packed, and so packed zeros; asked
  // when a method was loaded. Forgotten then.
  bool was_wrong() const { return std::exchange(was_wrong_, false); }

  // Why the last request failed; empty where none did.
  const std::string& trouble() const { return trouble_; }

  et::Result<const et::TensorLayout> get_tensor_layout(std::string_view key) const override;
  et::Result<et::FreeableBuffer> get_data(std::string_view key) const override;
  et::Error load_data_into(std::string_view key, void* buffer, std::size_t size) const override;
  et::Result<std::uint32_t> get_num_keys() const override;
  et::Result<const char*> get_key(std::uint32_t index) const override;

 private:
  AssembledWeights(const et::NamedDataMap* file, Recipes recipes);

  et::Result<et::FreeableBuffer> placeholder(std::size_t bytes) const;
  et::Error no_memory(std::size_t bytes) const;
  et::Error assemble_into(std::string_view key, const Recipe& recipe, void* buffer) const;

  const et::NamedDataMap* file_;
  Recipes recipes_;
  std::vector<const char*> keys_;
  bool expects_packed_ = false;
  mutable bool was_wrong_ = false;
  mutable std::string trouble_;
};

}  // namespace taskzip
