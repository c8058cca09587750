#include "prepack.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "codes.h"
#include "deployment.h"
#include "packed_cache.h"

namespace taskzip {
namespace {

Status run_every_task(Backend& backend, const RunSpec& spec, const std::vector<ModelFile>& files,
                      std::vector<TaskData>& data) {
  const auto deployment = make_deployment(spec.deployment, backend, spec.tasks, files);
  Split split;
  TASKZIP_TRY(deployment->load(0, split));
  for (std::size_t task = 0; task < spec.tasks.size(); ++task) {
    TASKZIP_TRY(deployment->switch_to(task, split));
    TASKZIP_TRY(infer(deployment->current(), data[task]));
  }
  deployment->unload();
  return {};
}

}  // namespace

Status make_missing_packed_caches(Backend& backend, const RunSpec& spec,
                                  const std::vector<ModelFile>& files,
                                  std::vector<TaskData>& data) {
  if (!lacks_packed_cache(files)) {
    return {};
  }
  const pid_t child = fork();
  if (child == 0) {
    const Status status = run_every_task(backend, spec, files, data);
    if (!status.ok()) {
      std::fprintf(stderr, "%s: %s\n", status.error().code.c_str(),
                   status.error().message.c_str());
    }
    _exit(status.ok() ? 0 : 1);
  }
  int result = -1;
  if (child < 0 || waitpid(child, &result, 0) != child || result != 0) {
    return Error{code::kLoadFailed, "packed-weight caches could not be written beforehand"};
  }
  return {};
}

}  // namespace taskzip
