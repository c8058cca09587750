// Page faults of this process so far.
#pragma once

#include <sys/resource.h>

#include <cstdint>

namespace taskzip {

struct Faults {
  std::int64_t minor = 0;  // the page was in memory
  std::int64_t major = 0;  // it had to be read
};

inline Faults faults_so_far() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return {usage.ru_minflt, usage.ru_majflt};
}

inline Faults operator-(const Faults& after, const Faults& before) {
  return {after.minor - before.minor, after.major - before.major};
}

}  // namespace taskzip
