// Addresses that stand for data which nobody is expected to read: no memory is behind them.
#pragma once

#include <cstddef>

namespace taskzip {

// Addresses for `bytes`; null: the system has none left.
void* make_placeholder(std::size_t bytes);

// Whether any of it was read, as zeros, since it was made.
bool was_read(void* placeholder, std::size_t bytes);

void release_placeholder(void* placeholder, std::size_t bytes);

}  // namespace taskzip
