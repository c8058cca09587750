#include "prepack.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>

#include "codes.h"
#include "deployment.h"
#include "packed_cache.h"

namespace taskzip {
namespace {

Status run_every_task(Backend& backend, const RunSpec& spec, const std::vector<ModelFile>& files,
                      std::vector<TaskData>& data) {
  const auto deployment = make_deployment(spec, backend, files);
  Split split;
  TASKZIP_TRY(deployment->load(0, split));
  for (std::size_t task = 0; task < spec.tasks.size(); ++task) {
    TASKZIP_TRY(deployment->switch_to(task, split));
    TASKZIP_TRY(infer(deployment->current(), data[task]));
  }
  deployment->unload();
  return {};
}

// How a process that packs ended, in words; empty where it ended well.
std::string trouble_of(int result) {
  if (WIFSIGNALED(result)) {
    return std::string("ended by a signal: ") + strsignal(WTERMSIG(result));
  }
  return WEXITSTATUS(result) == 0 ? "" : "failed";
}

// Writes the drafts of the caches in a process of its own. Returns its trouble.
std::string pack_apart(Backend& backend, const RunSpec& spec, const std::vector<ModelFile>& drafts,
                       std::vector<TaskData>& data) {
  const pid_t child = fork();
  if (child == 0) {
    const Status status = run_every_task(backend, spec, drafts, data);
    if (!status.ok()) {
      std::fprintf(stderr, "%s: %s\n", status.error().code.c_str(),
                   status.error().message.c_str());
    }
    _exit(status.ok() ? 0 : 1);
  }
  int result = -1;
  if (child < 0 || waitpid(child, &result, 0) != child) {
    return "cannot be started";
  }
  return trouble_of(result);
}

// Where the system does not tell, room is not what is short.
std::uintmax_t free_bytes(const std::string& folder) {
  std::error_code failed;
  const auto space = std::filesystem::space(folder, failed);
  return failed ? UINTMAX_MAX : space.free;
}

// A packed cache is about as large as its model.
std::uintmax_t needed_bytes(const std::vector<ModelFile>& files) {
  std::set<std::string> models;
  std::uintmax_t bytes = 0;
  for (const ModelFile& file : files) {
    if (models.insert(file.path).second) {
      bytes += file_bytes(file.path) + file_bytes(file.data_path);
    }
  }
  return bytes;
}

Status no_room(const std::string& folder, std::uintmax_t free, std::uintmax_t needed) {
  return Error{code::kWriteFailed, "packed-weight caches do not fit into " + folder + ": " +
                                       std::to_string(free) + " bytes are free, about " +
                                       std::to_string(needed) + " are needed"};
}

}  // namespace

Status make_missing_packed_caches(Backend& backend, const RunSpec& spec,
                                  const std::vector<ModelFile>& files,
                                  std::vector<TaskData>& data) {
  if (!lacks_packed_cache(files)) {
    return {};
  }
  remove_packed_caches(files);
  const std::string trouble = pack_apart(backend, spec, drafts_of(files), data);
  // A runtime may take a write that failed for done: on a full device no cache is believed.
  const bool is_full = free_bytes(*spec.packed_dir) == 0;
  if (trouble.empty() && !is_full) {
    return seal_packed_caches(files);
  }
  remove_packed_caches(files);
  const std::uintmax_t free = free_bytes(*spec.packed_dir);
  const std::uintmax_t needed = needed_bytes(files);
  if (is_full || free < needed) {
    return no_room(*spec.packed_dir, free, needed);
  }
  return Error{code::kLoadFailed, "the process that packs the weights " + trouble};
}

}  // namespace taskzip
