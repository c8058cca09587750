// What the runner needs of a runtime; ExecuTorch and LiteRT stand behind it.
//
// Lifetime is loading: destroying an Entry unloads it, destroying a Model closes its file. An
// Entry must be destroyed before its Model, a Model before its Backend.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "files.h"
#include "result.h"
#include "spec.h"

namespace taskzip {

// One task, ready to invoke. Its three calls are made in this order inside timed regions.
class Entry {
 public:
  virtual ~Entry() = default;

  // Hands the inputs, raw and little-endian, to the runtime.
  // @retval invoke_failed the runtime refuses them
  virtual Status write_inputs(const std::vector<Bytes>& inputs) = 0;

  // @retval invoke_failed the runtime reports an error
  virtual Status invoke() = 0;

  // Copies the outputs out of the runtime; `outputs` have their full size already.
  // @retval invoke_failed the runtime does not give them
  virtual Status read_outputs(std::vector<Bytes>& outputs) = 0;
};

// An open model file.
class Model {
 public:
  virtual ~Model() = default;

  // Prepares the entry of a task until it can be invoked.
  // @retval entry_missing the file has no entry of that name
  // @retval tensor_mismatch the entry's tensors have other sizes than the task's
  // @retval load_failed the runtime cannot prepare it
  virtual Result<std::unique_ptr<Entry>> load(const TaskSpec& task) = 0;
};

struct ModelFile {
  std::string path;
  std::string packed_path;  // packed-weight cache of this file; empty: packed weights stay in memory
  std::string data_path{};  // its constants in a file of their own (.ptd); empty: they are in `path`
};

class Backend {
 public:
  virtual ~Backend() = default;

  // Opens (maps) a model file; weights are not touched before an entry is loaded.
  // @retval open_failed the file is missing or is not a model of this runtime
  virtual Result<std::unique_ptr<Model>> open(const ModelFile& file) = 0;

  // The runtime's release, such as "1.5.1".
  virtual const char* version() const = 0;
};

}  // namespace taskzip

// The only symbol that a backend's library exports: a Backend, or null and a reason.
extern "C" __attribute__((visibility("default"))) taskzip::Backend* taskzip_create_backend(
    int threads, taskzip::Error* error);
