// LiteRT behind the Backend interface: one compiled model a file, one signature a task.
//
// LiteRT compiles all signatures of a file at once and cannot release one of them. So the entry of
// a task is its tensor buffers alone, and the first entry that is loaded from a file compiles it:
// `joint-lazy` keeps all packed weights here, and a switch makes and releases buffers.
#include "backend.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "codes.h"
#include "litert/litert_c_api.h"
#include "litert/owned.h"

namespace taskzip {
namespace {

// XNNPACK's name for a weight cache that is kept in memory: signatures share packed weights.
constexpr char kInMemory[] = ":memory";

Error failed(const char* code, const std::string& what, LiteRtStatus status) {
  return Error{code, what + ": LiteRT status " + std::to_string(status)};
}

enum class Direction { kInput, kOutput };

// One signature of a compiled model, found by its key.
struct SignatureRef {
  LiteRtSignature handle = nullptr;
  std::size_t index = 0;
};

class LitertEntry : public Entry {
 public:
  LitertEntry(LiteRtCompiledModel compiled, SignatureRef signature)
      : compiled_(compiled), signature_(signature) {}

  // Makes the buffers of all tensors.
  // @retval tensor_mismatch the signature has other tensors than the task
  // @retval load_failed LiteRT cannot make a buffer
  Status make_buffers(LiteRtEnvironment environment, const TaskSpec& task) {
    TASKZIP_TRY(make_buffers(environment, task, Direction::kInput));
    return make_buffers(environment, task, Direction::kOutput);
  }

  Status write_inputs(const std::vector<Bytes>& inputs) override {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      void* address = nullptr;
      const LiteRtStatus status =
          LiteRtLockTensorBuffer(inputs_[i], &address, kLiteRtLockWrite);
      if (status != 0) {
        return failed(code::kInvokeFailed, "input " + std::to_string(i), status);
      }
      std::memcpy(address, inputs[i].data(), inputs[i].size());
      LiteRtUnlockTensorBuffer(inputs_[i]);
    }
    return {};
  }

  Status invoke() override {
    const LiteRtStatus status =
        LiteRtRunCompiledModel(compiled_, signature_.index, inputs_.size(), inputs_.data(),
                               outputs_.size(), outputs_.data());
    return status == 0 ? Status() : failed(code::kInvokeFailed, "run", status);
  }

  Status read_outputs(std::vector<Bytes>& outputs) override {
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      void* address = nullptr;
      const LiteRtStatus status =
          LiteRtLockTensorBuffer(outputs_[i], &address, kLiteRtLockRead);
      if (status != 0) {
        return failed(code::kInvokeFailed, "output " + std::to_string(i), status);
      }
      std::memcpy(outputs[i].data(), address, outputs[i].size());
      LiteRtUnlockTensorBuffer(outputs_[i]);
    }
    return {};
  }

 private:
  Status make_buffers(LiteRtEnvironment environment, const TaskSpec& task, Direction direction) {
    const bool is_input = direction == Direction::kInput;
    const auto& tensors = is_input ? task.inputs : task.outputs;
    auto& handles = is_input ? inputs_ : outputs_;
    std::size_t count = 0;
    (is_input ? LiteRtGetNumSignatureInputs : LiteRtGetNumSignatureOutputs)(signature_.handle,
                                                                            &count);
    if (count != tensors.size()) {
      return Error{code::kTensorMismatch, task.entry + ": has " + std::to_string(count) +
                                              (is_input ? " inputs" : " outputs")};
    }
    for (std::size_t i = 0; i < count; ++i) {
      OwnedBuffer buffer;
      TASKZIP_TRY(make_buffer(environment, i, direction, buffer));
      std::size_t bytes = 0;
      LiteRtGetTensorBufferPackedSize(buffer.get(), &bytes);
      if (bytes != tensors[i].bytes) {
        return Error{code::kTensorMismatch, task.entry + ": " + tensors[i].name + " has " +
                                                std::to_string(bytes) + " bytes, not " +
                                                std::to_string(tensors[i].bytes)};
      }
      handles.push_back(buffer.get());
      owned_.push_back(std::move(buffer));
    }
    return {};
  }

  Status make_buffer(LiteRtEnvironment environment, std::size_t index, Direction direction,
                     OwnedBuffer& buffer) {
    const bool is_input = direction == Direction::kInput;
    const auto find_tensor = is_input ? LiteRtGetSignatureInputTensorByIndex
                                      : LiteRtGetSignatureOutputTensorByIndex;
    const auto find_requirements = is_input ? LiteRtGetCompiledModelInputBufferRequirements
                                            : LiteRtGetCompiledModelOutputBufferRequirements;
    LiteRtTensor tensor = nullptr;
    LiteRtRankedTensorType type{};
    LiteRtTensorBufferRequirements requirements = nullptr;
    LiteRtStatus status = find_tensor(signature_.handle, index, &tensor);
    status = status != 0 ? status : LiteRtGetRankedTensorType(tensor, &type);
    status = status != 0
                 ? status
                 : find_requirements(compiled_, signature_.index, index, &requirements);
    status = status != 0 ? status
                         : LiteRtCreateManagedTensorBufferFromRequirements(
                               environment, &type, requirements, buffer.receive());
    return status == 0 ? Status() : failed(code::kLoadFailed, "tensor buffer", status);
  }

  LiteRtCompiledModel compiled_;
  SignatureRef signature_;
  std::vector<LiteRtTensorBuffer> inputs_;
  std::vector<LiteRtTensorBuffer> outputs_;
  std::vector<OwnedBuffer> owned_;
};

class LitertModel : public Model {
 public:
  LitertModel(LiteRtEnvironment environment, OwnedModel model, const ModelFile& file, int threads)
      : environment_(environment), model_(std::move(model)), file_(file), threads_(threads) {}

  Result<std::unique_ptr<Entry>> load(const TaskSpec& task) override {
    auto signature = find_signature(task.entry);
    TASKZIP_TRY(signature);
    if (compiled_.get() == nullptr) {
      TASKZIP_TRY(compile());
    }
    auto entry = std::make_unique<LitertEntry>(compiled_.get(), signature.value());
    TASKZIP_TRY(entry->make_buffers(environment_, task));
    return std::unique_ptr<Entry>(std::move(entry));
  }

 private:
  Result<SignatureRef> find_signature(const std::string& key) const {
    std::size_t count = 0;
    LiteRtGetNumModelSignatures(model_.get(), &count);
    for (std::size_t index = 0; index < count; ++index) {
      SignatureRef found{nullptr, index};
      const char* name = "";
      LiteRtGetModelSignature(model_.get(), index, &found.handle);
      if (LiteRtGetSignatureKey(found.handle, &name) == 0 && key == name) {
        return found;
      }
    }
    return Error{code::kEntryMissing, file_.path + ": no signature " + key};
  }

  // All signatures of the file are prepared here; their weights are packed or mapped.
  Status compile() {
    OwnedOptions options;
    LiteRtStatus status = LiteRtCreateOptions(options.receive());
    status =
        status != 0 ? status : LiteRtSetOptionsHardwareAccelerators(options.get(), kLiteRtCpu);
    status = status != 0 ? status : add_cpu_options(options.get());
    status = status != 0 ? status
                         : LiteRtCreateCompiledModel(environment_, model_.get(), options.get(),
                                                     compiled_.receive());
    return status == 0 ? Status() : failed(code::kLoadFailed, file_.path, status);
  }

  // CPU options travel as TOML text; paths of the RunSpec hold no sign that would need escaping.
  LiteRtStatus add_cpu_options(LiteRtOptions options) const {
    const std::string text =
        "num_threads = " + std::to_string(threads_) + "\nweight_cache_file_path = \"" +
        (file_.packed_path.empty() ? kInMemory : file_.packed_path) + "\"\n";
    LiteRtOpaqueOptions opaque = nullptr;
    const LiteRtStatus status =
        LiteRtCreateOpaqueOptions("xnnpack", strdup(text.c_str()), std::free, &opaque);
    return status != 0 ? status : LiteRtAddOpaqueOptions(options, opaque);
  }

  LiteRtEnvironment environment_;
  OwnedModel model_;
  ModelFile file_;
  int threads_;
  OwnedCompiled compiled_;
};

class LitertBackend : public Backend {
 public:
  LitertBackend(OwnedEnvironment environment, int threads)
      : environment_(std::move(environment)), threads_(threads) {}

  Result<std::unique_ptr<Model>> open(const ModelFile& file) override {
    OwnedModel model;
    const LiteRtStatus status =
        LiteRtCreateModelFromFile(environment_.get(), file.path.c_str(), model.receive());
    if (status != 0) {
      return failed(code::kOpenFailed, file.path, status);
    }
    return std::unique_ptr<Model>(
        std::make_unique<LitertModel>(environment_.get(), std::move(model), file, threads_));
  }

  const char* version() const override { return TASKZIP_LITERT_RELEASE; }

 private:
  OwnedEnvironment environment_;
  int threads_;
};

// The library has no function that tells its release: the size of its file stands in for it.
Status check_library() {
  Dl_info info{};
  struct stat file {};
  const auto* symbol = reinterpret_cast<const void*>(&LiteRtCreateEnvironment);
  if (dladdr(symbol, &info) == 0 || stat(info.dli_fname, &file) != 0) {
    return Error{code::kRuntimeMismatch, "libLiteRt.so cannot be found again"};
  }
  if (file.st_size != TASKZIP_LITERT_BYTES) {
    return Error{code::kRuntimeMismatch,
                 std::string(info.dli_fname) + " has " + std::to_string(file.st_size) +
                     " bytes; release " + TASKZIP_LITERT_RELEASE + " has " +
                     std::to_string(TASKZIP_LITERT_BYTES)};
  }
  return {};
}

Result<OwnedEnvironment> make_environment() {
  TASKZIP_TRY(check_library());
  const LiteRtEnvOption options[] = {
      {kLiteRtEnvAutoRegisterAccelerators, {kLiteRtAnyInteger, kLiteRtCpu}},
      {kLiteRtEnvMinLoggerSeverity, {kLiteRtAnyInteger, kLiteRtLogWarning}},
  };
  OwnedEnvironment environment;
  const LiteRtStatus status = LiteRtCreateEnvironment(2, options, environment.receive());
  if (status != 0) {
    return failed(code::kRuntimeMismatch, "LiteRtCreateEnvironment", status);
  }
  return environment;
}

}  // namespace
}  // namespace taskzip

extern "C" taskzip::Backend* taskzip_create_backend(int threads, taskzip::Error* error) {
  auto environment = taskzip::make_environment();
  if (!environment.ok()) {
    *error = environment.error();
    return nullptr;
  }
  return new taskzip::LitertBackend(environment.take(), threads);
}
