// Outputs for comparison with torch: what the deployment computes, not what is timed.
#include "files.h"
#include "stage.h"

namespace taskzip {

Status write_outputs(const TaskSpec& task, const TaskData& data, EventLog& log) {
  for (std::size_t i = 0; i < task.outputs.size(); ++i) {
    TASKZIP_TRY(write_file(task.outputs[i].file, data.outputs[i]));
    log.output(task.name, task.outputs[i]);
  }
  return {};
}

Status run_parity(Stage& stage) {
  Split split;
  TASKZIP_TRY(stage.deployment.load(0, split));
  for (std::size_t task = 0; task < stage.spec.tasks.size(); ++task) {
    TASKZIP_TRY(stage.deployment.switch_to(task, split));
    TASKZIP_TRY(stage.infer_current(task));
    TASKZIP_TRY(write_outputs(stage.spec.tasks[task], stage.data[task], stage.log));
  }
  stage.deployment.unload();
  return {};
}

}  // namespace taskzip
