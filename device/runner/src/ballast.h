// Memory that is taken so that others have less of it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "result.h"

namespace taskzip {

struct Ballast {
  unsigned char* pages = nullptr;
  std::size_t bytes = 0;
  bool is_locked = false;  // the system may not swap it out
  bool is_spared = false;  // the system does not kill its process for lack of memory
};

// The mebibytes that a command line asks for.
// @retval bad_usage not a number from 1 to 2^20
Result<std::size_t> parse_mebibytes(std::string_view text);

// Takes `bytes` and touches every page; they hold noise, which compressed swap cannot make smaller.
// @retval no_memory the system gives no such mapping
Result<Ballast> take_ballast(std::size_t bytes);

// The line that tells what was taken (contracts/ballast.py).
std::string ballast_line(const Ballast& ballast);

// From now on the end of the process that started this one is this one's end too.
void end_with_parent();

}  // namespace taskzip
