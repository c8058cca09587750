// Whose the memory of a process is: its mappings (/proc/<pid>/smaps), sorted by what they hold.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "backend.h"
#include "result.h"

namespace taskzip {

// Bytes of one part: `pss` counts a page shared by n processes as 1/n; `uss` is private.
struct MemoryPart {
  std::int64_t pss = 0;
  std::int64_t uss = 0;
};

// Every mapping is in exactly one part, so the parts add up to the process.
struct Attribution {
  MemoryPart model;         // mapped model files
  MemoryPart packed_cache;  // mapped packed-weight cache files
  MemoryPart heap;          // memory without a file: malloc, arenas, weights packed in memory
  MemoryPart code;          // other mapped files: the runner and its libraries
  MemoryPart other;         // stack, what the kernel maps, devices

  MemoryPart total() const;
};

// The absolute paths by which mappings of a deployment's files are known.
struct DeployedFiles {
  std::vector<std::string> models;
  std::vector<std::string> packed_caches;

  // Paths that lead nowhere are left as they are.
  static DeployedFiles of(const std::vector<ModelFile>& files);
};

// Adds up the lines of smaps as they come, without allocating: what is measured stays as it is.
class Attributor {
 public:
  explicit Attributor(const DeployedFiles& files) : files_(files) {}

  // Takes a line, without its line feed; lines it does not know are passed over.
  void add(std::string_view line);

  const Attribution& sum() const { return sum_; }

 private:
  const DeployedFiles& files_;
  Attribution sum_;
  MemoryPart* part_ = &sum_.other;
};

// The parts in the text of /proc/<pid>/smaps.
Attribution attribute(std::string_view smaps, const DeployedFiles& files);

// The parts of this process now.
// @retval measure_failed /proc does not answer
Result<Attribution> read_attribution(const DeployedFiles& files);

}  // namespace taskzip
