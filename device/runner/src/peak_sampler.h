// A thread that watches the PSS between two readings.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include "memory.h"

namespace taskzip {

// Samples about every millisecond from construction to destruction. Made before the first memory
// reading, so that its own stack is part of the baseline.
class PeakSampler {
 public:
  PeakSampler();
  ~PeakSampler();
  PeakSampler(const PeakSampler&) = delete;
  PeakSampler& operator=(const PeakSampler&) = delete;

  // Largest PSS in bytes seen since the last call; starts anew.
  std::int64_t take_peak();

 private:
  void sample_until_stopped();

  PssProbe probe_;
  std::atomic<std::int64_t> peak_bytes_{0};
  std::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

}  // namespace taskzip
