// What the runner says: one JSON object a line on standard output (contracts/events.py).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "attribution.h"
#include "faults.h"
#include "memory.h"
#include "pressure.h"
#include "result.h"
#include "spec.h"

namespace taskzip {

struct LoadEvent {
  std::int64_t load_ns = 0;
  std::int64_t open_ns = 0;
  std::int64_t prepare_ns = 0;
  double resident_fraction = 0;
  Faults faults;
};

struct SwitchEvent {
  std::size_t index = 0;
  std::string task;
  std::string leaves;  // the task in use before
  bool is_warmup = false;
  std::int64_t switch_ns = 0;
  std::int64_t unload_ns = 0;
  std::int64_t open_ns = 0;
  std::int64_t prepare_ns = 0;
  std::int64_t first_run_ns = 0;
  std::vector<std::int64_t> inference_ns;
  double resident_fraction = 0;
  Faults switch_faults;
  Faults first_run_faults;
};

struct MemoryEvent {
  const char* phase = "";
  MemoryReading reading;
  Attribution parts;  // of the same moment; they add up to what is logged as the PSS and the USS
  std::int64_t peak_pss_bytes = 0;
  std::int64_t peak_rss_bytes = 0;
};

// Collects events and writes them with flush(). Nothing is written while a walk is timed: on one
// core the reader of the pipe would wake up in the middle of the next step.
class EventLog {
 public:
  explicit EventLog(int fd);

  void hello(Runtime runtime, const std::string& runtime_version);
  void load(const LoadEvent& event);
  void step(const SwitchEvent& event);
  void memory(const MemoryEvent& event);
  void pressure(const Pressure& pressure);
  void output(const std::string& task, const TensorSpec& tensor);
  void failure(const Error& error);
  void done(std::size_t packed_cache_bytes);

  // Writes all events collected so far.
  void flush();

 private:
  int fd_;
  std::string pending_;
};

// The line that `--version` prints: contract and runner version, no runtime loaded.
std::string version_line();

}  // namespace taskzip
