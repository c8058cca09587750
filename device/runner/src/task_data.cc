#include "task_data.h"

#include "codes.h"

namespace taskzip {

Result<TaskData> read_task_data(const TaskSpec& task) {
  TaskData data;
  for (const TensorSpec& tensor : task.inputs) {
    auto content = read_file(tensor.file, tensor.bytes);
    TASKZIP_TRY(content);
    if (content.value().size() != tensor.bytes) {
      return Error{code::kFileMismatch, tensor.file + ": " +
                                            std::to_string(content.value().size()) + " bytes for " +
                                            tensor.name + ", expected " +
                                            std::to_string(tensor.bytes)};
    }
    data.inputs.push_back(content.take());
  }
  for (const TensorSpec& tensor : task.outputs) {
    data.outputs.emplace_back(tensor.bytes);
  }
  return data;
}

Status infer(Entry& entry, TaskData& data) {
  TASKZIP_TRY(entry.write_inputs(data.inputs));
  TASKZIP_TRY(entry.invoke());
  return entry.read_outputs(data.outputs);
}

}  // namespace taskzip
