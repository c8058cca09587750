// The only clock of the runner.
#pragma once

#include <time.h>

#include <cstdint>

namespace taskzip {

// Nanoseconds of CLOCK_MONOTONIC; served without a system call on Linux.
inline std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace taskzip
