// The timed loop of the whole project: every latency that a report shows is taken here.
#include "clock.h"
#include "packed_cache.h"
#include "pressure.h"
#include "stage.h"
#include "tick.h"

namespace taskzip {
namespace {

void settle(const Stage& stage) {
  if (stage.spec.start_on_tick) {
    await_tick();
  }
}

Status load(Stage& stage) {
  LoadEvent event;
  auto fraction = stage.settle_cache(stage.all_paths());
  TASKZIP_TRY(fraction);
  event.resident_fraction = fraction.value();
  Split split;
  settle(stage);
  const Faults before = faults_so_far();
  const std::int64_t start = now_ns();
  TASKZIP_TRY(stage.deployment.load(stage.initial_task(), split));
  event.load_ns = now_ns() - start;
  event.faults = faults_so_far() - before;
  event.open_ns = split.open_ns;
  event.prepare_ns = split.prepare_ns;
  stage.log.load(event);
  return {};
}

// Between the readings of the clock nothing happens but what they measure.
Status time_step(Stage& stage, std::size_t task, SwitchEvent& event) {
  Split split;
  settle(stage);
  const Faults before = faults_so_far();
  const std::int64_t requested = now_ns();
  TASKZIP_TRY(stage.deployment.switch_to(task, split));
  event.switch_ns = now_ns() - requested;
  const Faults ready = faults_so_far();
  const std::int64_t began = now_ns();
  TASKZIP_TRY(stage.infer_current(task));
  event.first_run_ns = now_ns() - began;
  event.first_run_faults = faults_so_far() - ready;
  event.switch_faults = ready - before;
  for (std::int64_t& inference_ns : event.inference_ns) {
    settle(stage);
    const std::int64_t start = now_ns();
    TASKZIP_TRY(stage.infer_current(task));
    inference_ns = now_ns() - start;
  }
  event.unload_ns = split.unload_ns;
  event.open_ns = split.open_ns;
  event.prepare_ns = split.prepare_ns;
  return {};
}

Status step(Stage& stage, std::size_t index) {
  const std::size_t task = stage.spec.sequence[index];
  SwitchEvent event;
  event.index = index;
  event.task = stage.spec.tasks[task].name;
  event.leaves = stage.spec.tasks[stage.task_before(index)].name;
  event.is_warmup = index < stage.spec.warmups;
  event.inference_ns.resize(stage.spec.inferences);
  auto fraction = stage.settle_cache(files_read_by(stage.files[task]));
  TASKZIP_TRY(fraction);
  event.resident_fraction = fraction.value();
  TASKZIP_TRY(time_step(stage, task, event));
  stage.log.step(event);
  return {};
}

}  // namespace

Status run_latency(Stage& stage) {
  const Pressure before = pressure_so_far();
  TASKZIP_TRY(load(stage));
  TASKZIP_TRY(stage.infer_current(stage.initial_task()));  // its output is ready before step 0
  for (std::size_t index = 0; index < stage.spec.sequence.size(); ++index) {
    TASKZIP_TRY(step(stage, index));
  }
  stage.log.pressure(pressure_so_far() - before);
  stage.deployment.unload();
  return {};
}

}  // namespace taskzip
