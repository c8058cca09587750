// ExecuTorch behind the Backend interface: one Program a file, one Method a task.
#include "backend.h"

#include <executorch/extension/data_loader/mmap_data_loader.h>
#include <executorch/extension/memory_allocator/malloc_memory_allocator.h>
#include <executorch/extension/threadpool/threadpool_guard.h>
#include <executorch/runtime/executor/method.h>
#include <executorch/runtime/executor/program.h>
#include <executorch/runtime/platform/runtime.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "codes.h"
#include "executorch/ahead_loader.h"
#include "executorch/assembled_weights.h"
#include "executorch/data_file.h"
#include "executorch/delegate_options.h"
#include "executorch/input_tensor.h"
#include "executorch/threadpool_symbols.h"

namespace taskzip {
namespace {

using ::executorch::extension::MallocMemoryAllocator;
using ::executorch::extension::MmapDataLoader;
namespace threadpool = ::executorch::extension::threadpool;

using Arenas = std::vector<std::vector<std::uint8_t>>;

Error failed(const char* code, const std::string& what, et::Error error) {
  return Error{code, what + ": ExecuTorch error " + std::to_string(static_cast<int>(error))};
}

// @retval tensor_mismatch the method's tensor has another size than the task's
Status check_bytes(const et::Result<et::TensorInfo>& found, const TensorSpec& expected) {
  if (found.ok() && found->nbytes() == expected.bytes) {
    return {};
  }
  return Error{code::kTensorMismatch,
               expected.name + ": the method has no tensor of " + std::to_string(expected.bytes) +
                   " bytes here"};
}

class ExecutorchEntry : public Entry {
 public:
  // `arenas` belong to the file: its methods share their activation memory. `parts` of the file are
  // this task's for as long as it is loaded; null: nobody counts them.
  ExecutorchEntry(const TaskSpec& task, Arenas& arenas, std::shared_ptr<Ahead::Parts> parts)
      : parts_(std::move(parts)) {
    for (auto& arena : arenas) {
      spans_.emplace_back(arena.data(), arena.size());
    }
    planned_.emplace(et::Span<et::Span<std::uint8_t>>(spans_.data(), spans_.size()));
    manager_.emplace(&method_allocator_, &*planned_, &temporary_allocator_);
    for (const TensorSpec& tensor : task.inputs) {
      inputs_.push_back(std::make_unique<InputTensor>(tensor));
    }
  }

  et::MemoryManager* manager() { return &*manager_; }

  // @retval tensor_mismatch the method has other inputs or outputs than the task
  Status adopt(et::Method method, const TaskSpec& task) {
    method_.emplace(std::move(method));
    if (method_->inputs_size() != task.inputs.size() ||
        method_->outputs_size() != task.outputs.size()) {
      return Error{code::kTensorMismatch, task.entry + ": has " +
                                              std::to_string(method_->inputs_size()) +
                                              " inputs and " +
                                              std::to_string(method_->outputs_size()) + " outputs"};
    }
    const et::MethodMeta meta = method_->method_meta();
    for (std::size_t i = 0; i < task.inputs.size(); ++i) {
      TASKZIP_TRY(check_bytes(meta.input_tensor_meta(i), task.inputs[i]));
    }
    for (std::size_t i = 0; i < task.outputs.size(); ++i) {
      TASKZIP_TRY(check_bytes(meta.output_tensor_meta(i), task.outputs[i]));
    }
    return {};
  }

  Status write_inputs(const std::vector<Bytes>& inputs) override {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const et::Error error = method_->set_input(inputs_[i]->with_data(inputs[i]), i);
      if (error != et::Error::Ok) {
        return failed(code::kInvokeFailed, "input " + std::to_string(i), error);
      }
    }
    return {};
  }

  Status invoke() override {
    const et::Error error = method_->execute();
    return error == et::Error::Ok ? Status() : failed(code::kInvokeFailed, "execute", error);
  }

  Status read_outputs(std::vector<Bytes>& outputs) override {
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const et::EValue& value = method_->get_output(i);
      if (!value.isTensor() || value.toTensor().nbytes() != outputs[i].size()) {
        return Error{code::kInvokeFailed, "output " + std::to_string(i) + " changed its size"};
      }
      std::memcpy(outputs[i].data(), value.toTensor().const_data_ptr(), outputs[i].size());
    }
    return {};
  }

 private:
  std::shared_ptr<Ahead::Parts> parts_;
  MallocMemoryAllocator method_allocator_;
  MallocMemoryAllocator temporary_allocator_;
  std::vector<et::Span<std::uint8_t>> spans_;
  std::optional<et::HierarchicalAllocator> planned_;
  std::optional<et::MemoryManager> manager_;
  std::vector<std::unique_ptr<InputTensor>> inputs_;
  std::optional<et::Method> method_;  // last, so that it is destroyed before its memory
};

class ExecutorchModel : public Model {
 public:
  ExecutorchModel(const ModelFile& file, MmapDataLoader loader)
      : path_(file.path),
        packed_path_(file.packed_path),
        options_(file.packed_path),
        loader_(std::move(loader), file.path),
        data_path_(file.data_path) {}

  // @retval open_failed the file is not an ExecuTorch program, or its packed path is too long
  Status read_program() {
    if (!options_.is_valid()) {
      return Error{code::kOpenFailed, path_ + ": XNNPACK's options do not fit, is the packed " +
                                          "cache's path too long?"};
    }
    auto program = et::Program::load(&loader_);
    if (!program.ok()) {
      return failed(code::kOpenFailed, path_, program.error());
    }
    program_.emplace(std::move(program.get()));
    TASKZIP_TRY(read_recipes());
    if (!data_path_.empty()) {
      auto data = DataFile::open(data_path_);
      TASKZIP_TRY(data);
      data_ = data.take();
    }
    return size_arenas();
  }

  Result<std::unique_ptr<Entry>> load(const TaskSpec& task) override {
    if (!program_->method_meta(task.entry.c_str()).ok()) {
      return Error{code::kEntryMissing, path_ + ": no method " + task.entry};
    }
    auto entry = prepare(task);
    if (weights_->was_wrong()) {
      // The packed cache holds other tasks' weights: what was packed from nothing goes first.
      entry = Error{};
      weights_->expect_packed(false);
      entry = prepare(task);
    }
    return entry;
  }

 private:
  Result<std::unique_ptr<Entry>> prepare(const TaskSpec& task) {
    auto entry = std::make_unique<ExecutorchEntry>(task, arenas_, parts_of_next_task());
    auto method = program_->load_method(task.entry.c_str(), entry->manager(), nullptr, weights(),
                                        &options_.map());
    if (!method.ok()) {
      return not_loaded(task, method.error());
    }
    TASKZIP_TRY(entry->adopt(std::move(method.get()), task));
    return std::unique_ptr<Entry>(std::move(entry));
  }

  // From a packed cache no weight of the program is read, so none is read ahead.
  std::shared_ptr<Ahead::Parts> parts_of_next_task() {
    return packed_path_.empty() ? loader_.begin_task() : nullptr;
  }

  // @retval open_failed the file's recipes are damaged
  Status read_recipes() {
    const auto named = program_->get_named_data_map();
    auto weights = AssembledWeights::of(named.ok() ? *named : nullptr);
    if (!weights.ok()) {
      return Error{code::kOpenFailed, path_ + ": " + weights.error().message};
    }
    weights_.emplace(weights.take());
    weights_->expect_packed(file_bytes(packed_path_) > 0);
    return {};
  }

  // Constants that are not in the program as they are; null where all of them are.
  const et::NamedDataMap* weights() const {
    if (data_ != nullptr) {
      return data_->constants();
    }
    return weights_->empty() ? nullptr : &*weights_;
  }

  Error not_loaded(const TaskSpec& task, et::Error error) const {
    const std::string what = path_ + ": method " + task.entry;
    return weights_->trouble().empty() ? failed(code::kLoadFailed, what, error)
                                       : Error{code::kLoadFailed, what + ": " + weights_->trouble()};
  }

  // Arenas as large as the largest method needs.
  Status size_arenas() {
    for (std::size_t i = 0; i < program_->num_methods(); ++i) {
      auto name = program_->get_method_name(i);
      auto meta = name.ok() ? program_->method_meta(*name) : et::Result<et::MethodMeta>(
                                                                 name.error());
      if (!meta.ok()) {
        return failed(code::kOpenFailed, path_ + ": method " + std::to_string(i), meta.error());
      }
      arenas_.resize(std::max(arenas_.size(), meta->num_memory_planned_buffers()));
      for (std::size_t id = 0; id < meta->num_memory_planned_buffers(); ++id) {
        auto bytes = meta->memory_planned_buffer_size(id);
        const auto needed = bytes.ok() ? static_cast<std::size_t>(*bytes) : 0;
        arenas_[id].resize(std::max(arenas_[id].size(), needed));
      }
    }
    return {};
  }

  std::string path_;
  std::string packed_path_;
  DelegateOptions options_;
  AheadLoader loader_;
  std::optional<et::Program> program_;
  std::optional<AssembledWeights> weights_;
  std::string data_path_;
  std::unique_ptr<DataFile> data_;
  Arenas arenas_;
};

class ExecutorchBackend : public Backend {
 public:
  // One thread needs no pool: nothing is started for it.
  explicit ExecutorchBackend(int threads) {
    et::runtime_init();
    if (threads == 1) {
      threadpool::NoThreadPoolGuard::set_enabled(true);
    } else {
      threadpool::get_threadpool()->_unsafe_reset_threadpool(static_cast<std::uint32_t>(threads));
    }
  }

  Result<std::unique_ptr<Model>> open(const ModelFile& file) override {
    auto loader =
        MmapDataLoader::from(file.path.c_str(), MmapDataLoader::MlockConfig::NoMlock);
    if (!loader.ok()) {
      return failed(code::kOpenFailed, file.path, loader.error());
    }
    auto model = std::make_unique<ExecutorchModel>(file, std::move(loader.get()));
    TASKZIP_TRY(model->read_program());
    return std::unique_ptr<Model>(std::move(model));
  }

  const char* version() const override { return TASKZIP_EXECUTORCH_RELEASE; }
};

}  // namespace
}  // namespace taskzip

extern "C" taskzip::Backend* taskzip_create_backend(int threads, taskzip::Error*) {
  return new taskzip::ExecutorchBackend(threads);
}
