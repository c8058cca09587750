#include "spec.h"

#include <array>
#include <utility>

#include "json_fields.h"

namespace taskzip {
namespace {

// Far above any real run; they keep a wrong spec from exhausting the device.
constexpr std::size_t kMostTasks = 256;
constexpr std::size_t kMostTensors = 64;
constexpr std::size_t kMostDimensions = 8;
constexpr std::size_t kMostSteps = 100'000;
constexpr std::int64_t kMostInferences = 100'000;
constexpr std::int64_t kMostThreads = 64;
constexpr std::size_t kMostTensorBytes = std::size_t{256} << 20;

template <class T, std::size_t N>
using Words = std::array<std::pair<std::string_view, T>, N>;

constexpr Words<Runtime, 2> kRuntimes{
    {{"executorch", Runtime::kExecutorch}, {"litert", Runtime::kLitert}}};
constexpr Words<DeploymentKind, 5> kDeployments{
    {{"joint", DeploymentKind::kJoint},
     {"joint-lazy", DeploymentKind::kJointLazy},
     {"separate-resident", DeploymentKind::kSeparateResident},
     {"separate-lru", DeploymentKind::kSeparateLru},
     {"separate-swap", DeploymentKind::kSeparateSwap}}};
constexpr Words<CacheState, 3> kCacheStates{
    {{"warm", CacheState::kWarm},
     {"cold", CacheState::kCold},
     {"untouched", CacheState::kUntouched}}};
constexpr Words<Mode, 3> kModes{
    {{"latency", Mode::kLatency}, {"memory", Mode::kMemory}, {"parity", Mode::kParity}}};
constexpr Words<DType, 7> kDTypes{{{"float32", DType::kFloat32},
                                   {"float16", DType::kFloat16},
                                   {"int64", DType::kInt64},
                                   {"int32", DType::kInt32},
                                   {"int8", DType::kInt8},
                                   {"uint8", DType::kUInt8},
                                   {"bool", DType::kBool}}};

template <class T, std::size_t N>
Result<T> word(const Node& node, const std::string& key, const Words<T, N>& words) {
  auto text = node.text(key);
  TASKZIP_TRY(text);
  for (const auto& [name, value] : words) {
    if (name == text.value()) {
      return value;
    }
  }
  return Error{code::kBadSpec, node.path + key + ": unknown word '" + text.value() + "'"};
}

std::size_t bytes_of(DType dtype) {
  switch (dtype) {
    case DType::kInt64:
      return 8;
    case DType::kFloat32:
    case DType::kInt32:
      return 4;
    case DType::kFloat16:
      return 2;
    default:
      return 1;
  }
}

bool is_plain(char sign) {
  return (sign >= 'a' && sign <= 'z') || (sign >= 'A' && sign <= 'Z') ||
         (sign >= '0' && sign <= '9') || sign == '_';
}

// A path below the working folder: no leading '/', no segment that begins with a dot.
Result<std::string> relative_path(const Node& node, const std::string& key) {
  auto text = node.text(key);
  TASKZIP_TRY(text);
  bool begins = true;
  for (const char sign : text.value()) {
    const bool fits = is_plain(sign) || (!begins && (sign == '.' || sign == '-' || sign == '/'));
    if (!fits) {
      return Error{code::kBadSpec, node.path + key + ": not a plain relative path"};
    }
    begins = sign == '/';
  }
  if (begins) {
    return Error{code::kBadSpec, node.path + key + ": not a plain relative path"};
  }
  return text;
}

Status parse_shape(const Node& node, TensorSpec& tensor) {
  auto shape = node.array("shape", 0, kMostDimensions);
  TASKZIP_TRY(shape);
  tensor.bytes = bytes_of(tensor.dtype);
  for (const Json& item : *shape.value()) {
    auto size = Node::checked_integer(item, node.path + "shape", 1, kMostTensorBytes);
    TASKZIP_TRY(size);
    tensor.shape.push_back(static_cast<std::int32_t>(size.value()));
    tensor.bytes *= static_cast<std::size_t>(size.value());
    if (tensor.bytes > kMostTensorBytes) {
      return Error{code::kBadSpec, node.path + "shape: more than " +
                                       std::to_string(kMostTensorBytes) + " bytes"};
    }
  }
  return {};
}

Result<TensorSpec> parse_tensor(const Node& node) {
  auto name = node.text("name");
  auto dtype = word(node, "dtype", kDTypes);
  auto file = relative_path(node, "file");
  TASKZIP_TRY(name);
  TASKZIP_TRY(dtype);
  TASKZIP_TRY(file);
  TensorSpec tensor;
  tensor.name = name.take();
  tensor.dtype = dtype.value();
  tensor.file = file.take();
  TASKZIP_TRY(parse_shape(node, tensor));
  return tensor;
}

Result<std::vector<TensorSpec>> parse_tensors(const Node& node, const std::string& key) {
  auto list = node.array(key, 1, kMostTensors);
  TASKZIP_TRY(list);
  std::vector<TensorSpec> tensors;
  for (const Json& item : *list.value()) {
    const std::string where = node.path + key + "[" + std::to_string(tensors.size()) + "].";
    auto tensor = parse_tensor(Node{item, where});
    TASKZIP_TRY(tensor);
    tensors.push_back(tensor.take());
  }
  return tensors;
}

Result<TaskSpec> parse_task(const Node& node) {
  auto name = node.text("name", 63);
  auto model = relative_path(node, "model");
  auto entry = node.text("entry");
  auto inputs = parse_tensors(node, "inputs");
  auto outputs = parse_tensors(node, "outputs");
  TASKZIP_TRY(name);
  TASKZIP_TRY(model);
  TASKZIP_TRY(entry);
  TASKZIP_TRY(inputs);
  TASKZIP_TRY(outputs);
  return TaskSpec{name.take(), model.take(), entry.take(), inputs.take(), outputs.take()};
}

Status parse_tasks(const Node& node, RunSpec& spec) {
  auto list = node.array("tasks", 1, kMostTasks);
  TASKZIP_TRY(list);
  for (const Json& item : *list.value()) {
    auto task = parse_task(Node{item, "tasks[" + std::to_string(spec.tasks.size()) + "]."});
    TASKZIP_TRY(task);
    spec.tasks.push_back(task.take());
  }
  auto tiny = node.field("tiny");
  TASKZIP_TRY(tiny);
  auto task = parse_task(Node{*tiny.value(), "tiny."});
  TASKZIP_TRY(task);
  spec.tiny = task.take();
  return {};
}

Status parse_words(const Node& node, RunSpec& spec) {
  auto run = node.text("run");
  auto runtime = word(node, "runtime", kRuntimes);
  auto deployment = word(node, "deployment", kDeployments);
  auto cache = word(node, "cache", kCacheStates);
  auto mode = word(node, "mode", kModes);
  TASKZIP_TRY(run);
  TASKZIP_TRY(runtime);
  TASKZIP_TRY(deployment);
  TASKZIP_TRY(cache);
  TASKZIP_TRY(mode);
  spec.run = run.take();
  spec.runtime = runtime.value();
  spec.deployment = deployment.value();
  spec.cache = cache.value();
  spec.mode = mode.value();
  return {};
}

Status parse_walk(const Node& node, RunSpec& spec) {
  auto sequence = node.array("sequence", 0, kMostSteps);
  auto warmups = node.integer("warmups", 0, kMostSteps);
  auto inferences = node.integer("inferences", 0, kMostInferences);
  auto memory_every = node.integer("memory_every", 0, kMostSteps);
  auto threads = node.integer("threads", 1, kMostThreads);
  TASKZIP_TRY(sequence);
  TASKZIP_TRY(warmups);
  TASKZIP_TRY(inferences);
  TASKZIP_TRY(memory_every);
  TASKZIP_TRY(threads);
  auto start_on_tick = node.boolean("start_on_tick");
  TASKZIP_TRY(start_on_tick);
  const auto last = static_cast<std::int64_t>(spec.tasks.size()) - 1;
  for (const Json& item : *sequence.value()) {
    auto index = Node::checked_integer(item, "sequence", 0, last);
    TASKZIP_TRY(index);
    spec.sequence.push_back(static_cast<std::size_t>(index.value()));
  }
  spec.warmups = static_cast<std::size_t>(warmups.value());
  spec.inferences = static_cast<std::size_t>(inferences.value());
  spec.memory_every = static_cast<std::size_t>(memory_every.value());
  spec.threads = static_cast<int>(threads.value());
  spec.start_on_tick = start_on_tick.value();
  return {};
}

Status parse_packed(const Node& node, RunSpec& spec) {
  auto packed = node.boolean("packed_cache");
  auto folder = node.field("packed_dir");
  TASKZIP_TRY(packed);
  TASKZIP_TRY(folder);
  if (packed.value() == folder.value()->is_null()) {
    return Error{code::kBadSpec, "packed_dir: goes with packed_cache"};
  }
  if (packed.value()) {
    auto path = relative_path(node, "packed_dir");
    TASKZIP_TRY(path);
    spec.packed_dir = path.take();
  }
  return {};
}

Status parse_lru_k(const Node& node, RunSpec& spec) {
  const bool is_lru = spec.deployment == DeploymentKind::kSeparateLru;
  auto field = node.field("lru_k");
  TASKZIP_TRY(field);
  if (field.value()->is_null() == is_lru) {
    return Error{code::kBadSpec, "lru_k: goes with separate-lru"};
  }
  if (is_lru) {
    auto k = node.integer("lru_k", 1, kMostTasks);
    TASKZIP_TRY(k);
    spec.lru_k = static_cast<std::size_t>(k.value());
  }
  return {};
}

Status check_contract(const Node& node) {
  auto contract = node.integer("contract", 0, INT32_MAX);
  TASKZIP_TRY(contract);
  if (contract.value() != kContractVersion) {
    return Error{code::kContractMismatch,
                 "this runner speaks contract " + std::to_string(kContractVersion) +
                     ", the spec contract " + std::to_string(contract.value())};
  }
  return {};
}

// Shared files are what makes a deployment joint; separate ones must not share a file.
Status check_files(const RunSpec& spec) {
  const bool joint = spec.deployment == DeploymentKind::kJoint ||
                     spec.deployment == DeploymentKind::kJointLazy;
  for (std::size_t i = 1; i < spec.tasks.size(); ++i) {
    if (joint && spec.tasks[i].model != spec.tasks[0].model) {
      return Error{code::kBadSpec, "tasks[" + std::to_string(i) +
                                       "].model: a joint deployment has one model file"};
    }
  }
  return {};
}

}  // namespace

const char* name_of(Runtime runtime) {
  return runtime == Runtime::kExecutorch ? "executorch" : "litert";
}

Result<Runtime> runtime_named(std::string_view name) {
  for (const auto& [word, value] : kRuntimes) {
    if (word == name) {
      return value;
    }
  }
  return Error{code::kBadUsage, "no runtime is called '" + std::string(name) +
                                    "'; there are executorch and litert"};
}

Result<RunSpec> parse_spec(std::string_view text) {
  const Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) {
    return Error{code::kBadSpec, "the spec is not a JSON object"};
  }
  const Node node{document, ""};
  RunSpec spec;
  TASKZIP_TRY(check_contract(node));
  TASKZIP_TRY(parse_words(node, spec));
  TASKZIP_TRY(parse_tasks(node, spec));
  TASKZIP_TRY(parse_walk(node, spec));
  TASKZIP_TRY(parse_packed(node, spec));
  TASKZIP_TRY(parse_lru_k(node, spec));
  TASKZIP_TRY(check_files(spec));
  return spec;
}

}  // namespace taskzip
