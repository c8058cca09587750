#include "run.h"

#include <optional>

#include "backend_library.h"
#include "memory_phases.h"
#include "packed_cache.h"
#include "prepack.h"
#include "stage.h"

namespace taskzip {
namespace {

// The tiny network is loaded, run and released before anything is measured: code pages and fixed
// pools of the runtime are then in the baseline and not charged to the networks.
Status warm_runtime(Backend& backend, const TaskSpec& tiny) {
  auto data = read_task_data(tiny);
  TASKZIP_TRY(data);
  auto model = backend.open({tiny.model, ""});
  TASKZIP_TRY(model);
  auto entry = model.value()->load(tiny);
  TASKZIP_TRY(entry);
  const Status status = infer(*entry.value(), data.value());
  entry.value().reset();
  return status;
}

Result<std::vector<TaskData>> read_all_data(const RunSpec& spec) {
  std::vector<TaskData> all;
  for (const TaskSpec& task : spec.tasks) {
    auto data = read_task_data(task);
    TASKZIP_TRY(data);
    all.push_back(data.take());
  }
  return all;
}

Status walk(const RunSpec& spec, Backend& backend, const std::vector<ModelFile>& files,
            std::vector<TaskData>& data, EventLog& log) {
  std::optional<MemoryPhases> phases;
  if (spec.mode == Mode::kMemory) {
    phases.emplace(log, files);
    TASKZIP_TRY(phases->end("runtime"));
  }
  TASKZIP_TRY(warm_runtime(backend, spec.tiny));
  if (phases) {
    TASKZIP_TRY(phases->end("start"));
  }
  const auto deployment = make_deployment(spec, backend, files);
  Stage stage{spec, files, data, *deployment, log};
  switch (spec.mode) {
    case Mode::kLatency:
      return run_latency(stage);
    case Mode::kMemory:
      return run_memory(stage, *phases);
    case Mode::kParity:
      return run_parity(stage);
  }
  return {};
}

}  // namespace

Status probe(Runtime runtime, EventLog& log) {
  auto backend = load_backend(runtime, 1);
  TASKZIP_TRY(backend);
  log.hello(runtime, backend.value()->version());
  return {};
}

Status run(const RunSpec& spec, EventLog& log) {
  auto backend = load_backend(spec.runtime, spec.threads);
  TASKZIP_TRY(backend);
  log.hello(spec.runtime, backend.value()->version());
  log.flush();
  auto data = read_all_data(spec);
  TASKZIP_TRY(data);
  auto files = plan_model_files(spec.tasks, spec.packed_dir, backend.value()->version());
  TASKZIP_TRY(files);
  TASKZIP_TRY(make_missing_packed_caches(*backend.value(), spec, files.value(), data.value()));
  TASKZIP_TRY(walk(spec, *backend.value(), files.value(), data.value(), log));
  log.done(packed_cache_bytes(files.value()));
  return {};
}

}  // namespace taskzip
