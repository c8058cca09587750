// The raw inputs and outputs of a task, allocated once, before anything is measured.
#pragma once

#include <string>
#include <vector>

#include "backend.h"
#include "files.h"
#include "result.h"
#include "spec.h"

namespace taskzip {

struct TaskData {
  std::vector<Bytes> inputs;
  std::vector<Bytes> outputs;
};

// Reads the inputs of a task from their files and makes room for its outputs.
// @retval file_missing an input file cannot be read
// @retval file_mismatch an input file has another size than its tensor
Result<TaskData> read_task_data(const TaskSpec& task);

// One whole inference: inputs written, network run, outputs copied out.
// @retval invoke_failed the runtime reports an error
Status infer(Entry& entry, TaskData& data);

}  // namespace taskzip
