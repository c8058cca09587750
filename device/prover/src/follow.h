// A file that another program is writing: hashed, and written to the flash, while it grows.
#pragma once

#include <cstdint>
#include <string>

#include "result.h"

namespace taskzip {

// What arrives as `<name>.<part>`: the bytes of `<name>.partial` from `start` on, up to `bytes`.
struct Coming {
  std::string name;
  std::string part;
  std::uint64_t start;
  std::uint64_t bytes;
};

// `<name>.partial` as it was when all of it was on the flash.
struct Proof {
  std::uint64_t inode;
  std::uint64_t bytes;
  std::int64_t modified_ns;
  std::string hash;  // XXH64 of what arrived
};

// Waits for the file, gives it the name `<name>.partial` or, where there is a beginning, appends it
// to that, and returns once all bytes were hashed and are on the flash.
//
// Renamed while its writer has it open, it is the writer's no more: adbd removes by name what broke
// off, so what had arrived stays.
// @retval file_missing  a file is not there any more, or the beginning has another length
// @retval write_failed  the flash takes no more
// @retval run_alone     the process that started this one has ended
Result<Proof> follow(int folder, const Coming& coming);

}  // namespace taskzip
