// The files in which a runtime keeps packed weights.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "backend.h"
#include "result.h"
#include "spec.h"

namespace taskzip {

// The model file of every task, with its packed cache where `folder` is set. A cache cannot tell
// that its model changed, so its name holds the content hashes of the model and its data file, and
// the runtime's release.
// @retval file_missing a model file cannot be read
// @retval write_failed the folder cannot be made
Result<std::vector<ModelFile>> plan_model_files(const std::vector<TaskSpec>& tasks,
                                                const std::optional<std::string>& folder,
                                                const std::string& runtime_release);

// Bytes of the packed caches that exist, each counted once.
std::size_t packed_cache_bytes(const std::vector<ModelFile>& files);

// Whether a packed cache that is planned is missing or is not what was sealed. The runtimes check
// little of a cache: with a damaged one they compute other numbers, or crash.
bool lacks_packed_cache(const std::vector<ModelFile>& files);

// The same models with caches beside their place, for a process that may die while it writes.
std::vector<ModelFile> drafts_of(const std::vector<ModelFile>& files);

// Puts drafts into their place, each with a seal: a small file beside it that holds its hash. A
// draft that the runtime did not write is no error: it found nothing to pack.
// @retval write_failed a seal cannot be written or a file cannot be moved
Status seal_packed_caches(const std::vector<ModelFile>& files);

// Removes the caches, their seals and drafts.
void remove_packed_caches(const std::vector<ModelFile>& files);

// The files that loading `file` reads: the model, its data file and packed cache where they exist.
std::vector<std::string> files_read_by(const ModelFile& file);

}  // namespace taskzip
