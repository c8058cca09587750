// The five ways to keep several tasks on a device, written once for every runtime.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "backend.h"
#include "result.h"
#include "spec.h"

namespace taskzip {

// Where the time of a load or a switch went.
struct Split {
  std::int64_t unload_ns = 0;
  std::int64_t open_ns = 0;
  std::int64_t prepare_ns = 0;
};

// A policy of what is loaded when. Tasks are named by their index in the RunSpec.
class Deployment {
 public:
  virtual ~Deployment() = default;

  // Loads what the policy keeps loaded while `initial` is the task in use.
  // @retval any code of Backend::open and Model::load
  virtual Status load(std::size_t initial, Split& split) = 0;

  // Makes `task` ready to invoke; `split` gets the parts of the time it took.
  // @retval any code of Backend::open and Model::load
  virtual Status switch_to(std::size_t task, Split& split) = 0;

  // The task in use, after load() or switch_to() succeeded.
  virtual Entry& current() = 0;

  // Whether every task is loaded at once.
  virtual bool is_resident() const = 0;

  // Releases everything.
  virtual void unload() = 0;
};

// The policy of a RunSpec. `files[i]` is the model file of task i; tasks of a joint deployment
// have the same one. All arguments must outlive the result.
std::unique_ptr<Deployment> make_deployment(const RunSpec& spec, Backend& backend,
                                            const std::vector<ModelFile>& files);

}  // namespace taskzip
