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
// that its model changed, so its name holds the model's content hash and the runtime's release.
// @retval file_missing a model file cannot be read
// @retval write_failed the folder cannot be made
Result<std::vector<ModelFile>> plan_model_files(const std::vector<TaskSpec>& tasks,
                                                const std::optional<std::string>& folder,
                                                const std::string& runtime_release);

// Bytes of the packed caches that exist, each counted once.
std::size_t packed_cache_bytes(const std::vector<ModelFile>& files);

// Whether a packed cache that is planned does not exist yet.
bool lacks_packed_cache(const std::vector<ModelFile>& files);

// The files that loading `file` reads: the model, and its packed cache where it exists.
std::vector<std::string> files_read_by(const ModelFile& file);

}  // namespace taskzip
