// A runtime in a shared object of its own, so that a process pays for the one it uses.
#pragma once

#include <memory>

#include "backend.h"
#include "result.h"
#include "spec.h"

namespace taskzip {

// Loads libtaskzip_<runtime>.so and makes its backend; both stay until the process ends.
// @retval runtime_missing the library or one that it needs cannot be loaded
// @retval runtime_mismatch the runtime is not the release that the runner was built for
Result<std::unique_ptr<Backend>> load_backend(Runtime runtime, int threads);

}  // namespace taskzip
