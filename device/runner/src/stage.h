// What the three modes have in common once runtime, files and data are ready.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "deployment.h"
#include "events.h"
#include "result.h"
#include "spec.h"
#include "task_data.h"

namespace taskzip {

struct Stage {
  const RunSpec& spec;
  const std::vector<ModelFile>& files;
  std::vector<TaskData>& data;
  Deployment& deployment;
  EventLog& log;

  // The task in use before the first step: another than the first step's, so that it is a switch.
  std::size_t initial_task() const;

  // The task in use before a step.
  std::size_t task_before(std::size_t index) const {
    return index == 0 ? initial_task() : spec.sequence[index - 1];
  }

  // Brings the files into the cache state that the spec asks for. Returns the part of their pages
  // that is in memory then.
  // @retval file_missing, measure_failed
  Result<double> settle_cache(const std::vector<std::string>& paths) const;

  // Every file of the deployment, each once.
  std::vector<std::string> all_paths() const;

  // One inference of the task in use.
  Status infer_current(std::size_t task) { return infer(deployment.current(), data[task]); }
};

// Loads, walks the sequence, times every step.
Status run_latency(Stage& stage);

// Every task once; outputs go to their files.
Status run_parity(Stage& stage);

// Writes an output of every tensor of a task and logs it.
Status write_outputs(const TaskSpec& task, const TaskData& data, EventLog& log);

}  // namespace taskzip
