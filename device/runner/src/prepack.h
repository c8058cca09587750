// Packed-weight caches that are missing are written before a run, by a process of their own.
#pragma once

#include <vector>

#include "backend.h"
#include "result.h"
#include "spec.h"
#include "task_data.h"

namespace taskzip {

// Makes the packed caches of `files` anew where one is missing or damaged: a child process loads
// and runs every task once and ends. So a run with packed caches always finds them in place, as
// every start of an app but its first does, and what building them cost never shows in its memory.
// A child that dies while it writes, as the runtimes do on a full device, leaves no cache behind.
// @retval write_failed there is no room for the caches
// @retval load_failed the child failed; its standard error says why
Status make_missing_packed_caches(Backend& backend, const RunSpec& spec,
                                  const std::vector<ModelFile>& files,
                                  std::vector<TaskData>& data);

}  // namespace taskzip
