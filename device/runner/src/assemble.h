// Putting weights together as a recipe says.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "recipe.h"
#include "result.h"

namespace taskzip {

// Bytes that a file keeps under a name, lent for a call.
using TakeBlock = std::function<Status(const void* data, std::size_t bytes)>;

// Lends the block of a name to `take`. Returns what `take` returns, or why there is no such block.
using LendBlock = std::function<Status(const std::string& name, const TakeBlock& take)>;

// Writes `recipe.bytes()` bytes to `weights`.
// @retval load_failed a block has another size than its step says, or leads beyond the weights
Status assemble(const Recipe& recipe, const LendBlock& lend, void* weights);

}  // namespace taskzip
