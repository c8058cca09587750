#include "memory_phases.h"

#include <malloc.h>

#include <algorithm>

#include "packed_cache.h"

namespace taskzip {
namespace {

// Resident deployments: every task's first output; others have one task, which has answered.
Status touch_every_loaded_task(Stage& stage) {
  const std::size_t initial = stage.initial_task();
  TASKZIP_TRY(stage.infer_current(initial));
  if (!stage.deployment.is_resident()) {
    return {};
  }
  Split split;
  for (std::size_t task = 0; task < stage.spec.tasks.size(); ++task) {
    TASKZIP_TRY(stage.deployment.switch_to(task, split));
    TASKZIP_TRY(stage.infer_current(task));
  }
  return {};
}

Status walk(Stage& stage, MemoryPhases& phases) {
  Split split;
  const std::size_t every = stage.spec.memory_every;
  for (std::size_t index = 0; index < stage.spec.sequence.size(); ++index) {
    const std::size_t task = stage.spec.sequence[index];
    TASKZIP_TRY(stage.settle_cache(files_read_by(stage.files[task])));
    TASKZIP_TRY(stage.deployment.switch_to(task, split));
    TASKZIP_TRY(stage.infer_current(task));
    if (every != 0 && (index + 1) % every == 0) {
      TASKZIP_TRY(phases.end("walking"));
    }
  }
  return {};
}

}  // namespace

Status MemoryPhases::end(const char* phase) {
  MemoryEvent event;
  event.phase = phase;
  const std::int64_t sampled = sampler_.take_peak();
  malloc_trim(0);
  auto reading = read_memory();
  auto parts = read_attribution(files_);
  auto peak_rss = peak_rss_bytes();
  TASKZIP_TRY(reading);
  TASKZIP_TRY(parts);
  TASKZIP_TRY(peak_rss);
  event.reading = reading.value();
  event.parts = parts.value();
  event.peak_pss_bytes = std::max(sampled, event.parts.total().pss);
  event.peak_rss_bytes = peak_rss.value();
  log_.memory(event);
  log_.flush();  // nothing is timed here, and what waits in the log would be read as a leak
  return {};
}

Status run_memory(Stage& stage, MemoryPhases& phases) {
  TASKZIP_TRY(stage.settle_cache(stage.all_paths()));
  Split split;
  TASKZIP_TRY(stage.deployment.load(stage.initial_task(), split));
  TASKZIP_TRY(phases.end("loaded"));
  TASKZIP_TRY(touch_every_loaded_task(stage));
  TASKZIP_TRY(phases.end("first_output"));
  TASKZIP_TRY(walk(stage, phases));
  TASKZIP_TRY(phases.end("switched"));
  stage.deployment.unload();
  return phases.end("unloaded");
}

}  // namespace taskzip
