// One run: one runtime, one deployment, one cache state, one mode.
#pragma once

#include "events.h"
#include "result.h"
#include "spec.h"

namespace taskzip {

// Does what the spec asks and logs it; a `done` event is logged only on success.
// @retval any code of codes.h; the caller logs the failure
Status run(const RunSpec& spec, EventLog& log);

// Loads a runtime and logs the hello line that a run of it would begin with.
// @retval any code of load_backend
Status probe(Runtime runtime, EventLog& log);

}  // namespace taskzip
