// What this process occupies, from /proc/self.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "result.h"

namespace taskzip {

// Bytes. `pss` counts a page shared by n processes as 1/n; `uss` is private clean + dirty.
struct MemoryReading {
  std::int64_t pss = 0;
  std::int64_t uss = 0;
  std::int64_t anonymous = 0;
  std::int64_t file = 0;  // file-backed part of the PSS
};

// Reads the text of /proc/<pid>/smaps_rollup; nothing where a needed line is missing.
std::optional<MemoryReading> parse_smaps_rollup(std::string_view text);

// The bytes of a "Key:  123 kB" line of /proc text; nothing where it is missing.
std::optional<std::int64_t> parse_kib_line(std::string_view text, std::string_view key);

// The process now; costs the kernel a walk over all its pages.
// @retval measure_failed the kernel has no smaps_rollup (before 4.14)
Result<MemoryReading> read_memory();

// Largest resident set since the process began (VmHWM).
// @retval measure_failed /proc does not answer
Result<std::int64_t> peak_rss_bytes();

// Reads the PSS over and over, without allocating.
class PssProbe {
 public:
  PssProbe();
  ~PssProbe();
  PssProbe(const PssProbe&) = delete;
  PssProbe& operator=(const PssProbe&) = delete;

  // Bytes now; 0 where the kernel does not answer.
  std::int64_t read() const;

 private:
  int fd_;
};

}  // namespace taskzip
