// The memory readings of a run, one after each phase.
#pragma once

#include <vector>

#include "attribution.h"
#include "events.h"
#include "peak_sampler.h"
#include "result.h"
#include "stage.h"

namespace taskzip {

class MemoryPhases {
 public:
  // `files` are those of the deployment.
  MemoryPhases(EventLog& log, const std::vector<ModelFile>& files)
      : log_(log), files_(DeployedFiles::of(files)) {}

  // Logs the process at the end of a phase. What malloc holds but nobody uses is given back to the
  // system first, at every phase alike: a reading is of memory in use.
  // @retval measure_failed /proc does not answer
  Status end(const char* phase);

 private:
  EventLog& log_;
  DeployedFiles files_;
  PeakSampler sampler_;
};

// Loads, walks the sequence and unloads, with a reading after each phase.
Status run_memory(Stage& stage, MemoryPhases& phases);

}  // namespace taskzip
