// A RunSpec: what this process is asked to do (contracts/runspec.py is the master).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "result.h"

namespace taskzip {

inline constexpr int kContractVersion = 3;

enum class Runtime { kExecutorch, kLitert };
enum class DeploymentKind { kJoint, kJointLazy, kSeparateResident, kSeparateLru, kSeparateSwap };
enum class CacheState { kWarm, kCold, kUntouched };
enum class Mode { kLatency, kMemory, kParity };
enum class DType { kFloat32, kFloat16, kInt64, kInt32, kInt8, kUInt8, kBool };

struct TensorSpec {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<std::int32_t> shape;
  std::string file;
  std::size_t bytes = 0;  // of the whole tensor, from dtype and shape
};

struct TaskSpec {
  std::string name;
  std::string model;
  std::string entry;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
};

struct RunSpec {
  std::string run;
  Runtime runtime = Runtime::kExecutorch;
  DeploymentKind deployment = DeploymentKind::kJoint;
  CacheState cache = CacheState::kWarm;
  Mode mode = Mode::kLatency;
  std::vector<TaskSpec> tasks;
  TaskSpec tiny;
  std::optional<std::string> packed_dir;  // set exactly when packed_cache is true
  std::vector<std::size_t> sequence;
  std::size_t warmups = 0;
  std::size_t inferences = 0;
  std::size_t memory_every = 0;  // steps after which memory is read, in memory mode; 0: at the end
  int threads = 1;
  std::size_t lru_k = 0;  // files that kSeparateLru keeps loaded; 0 for every other deployment
  bool start_on_tick = false;
};

// The word that the contracts use for a runtime.
const char* name_of(Runtime runtime);

// The runtime of that name.
// @retval bad_usage no runtime has that name
Result<Runtime> runtime_named(std::string_view name);

// Reads a RunSpec from JSON text.
// @retval bad_spec the text is not JSON, a field is missing, of the wrong type or out of range
// @retval contract_mismatch the text is of another contract version
Result<RunSpec> parse_spec(std::string_view text);

}  // namespace taskzip
