#include "packed_cache.h"

#include <cstdint>
#include <cstdio>
#include <map>
#include <set>

namespace taskzip {
namespace {

constexpr std::size_t kLargestModel = std::size_t{4} << 30;

// FNV-1a, 64 bits: tells one version of a model from another, not friend from foe.
std::uint64_t hash_of(const Bytes& content) {
  std::uint64_t hash = 14695981039346656037U;
  for (const unsigned char byte : content) {
    hash = (hash ^ byte) * 1099511628211U;
  }
  return hash;
}

Result<std::string> packed_name(const std::string& model, const std::string& release) {
  auto content = read_file(model, kLargestModel);
  TASKZIP_TRY(content);
  char hash[17];
  std::snprintf(hash, sizeof(hash), "%016llx",
                static_cast<unsigned long long>(hash_of(content.value())));
  return std::string(hash) + "-" + release + ".packed";
}

}  // namespace

Result<std::vector<ModelFile>> plan_model_files(const std::vector<TaskSpec>& tasks,
                                                const std::optional<std::string>& folder,
                                                const std::string& runtime_release) {
  std::map<std::string, std::string> packed_paths;
  std::vector<ModelFile> files;
  for (const TaskSpec& task : tasks) {
    std::string& packed = packed_paths[task.model];
    if (folder && packed.empty()) {
      TASKZIP_TRY(make_folder(*folder));
      auto name = packed_name(task.model, runtime_release);
      TASKZIP_TRY(name);
      packed = *folder + "/" + name.value();
    }
    files.push_back({task.model, packed});
  }
  return files;
}

std::size_t packed_cache_bytes(const std::vector<ModelFile>& files) {
  std::set<std::string> paths;
  std::size_t bytes = 0;
  for (const ModelFile& file : files) {
    if (!file.packed_path.empty() && paths.insert(file.packed_path).second) {
      bytes += file_bytes(file.packed_path);
    }
  }
  return bytes;
}

bool lacks_packed_cache(const std::vector<ModelFile>& files) {
  for (const ModelFile& file : files) {
    if (!file.packed_path.empty() && file_bytes(file.packed_path) == 0) {
      return true;
    }
  }
  return false;
}

std::vector<std::string> files_read_by(const ModelFile& file) {
  std::vector<std::string> paths{file.path};
  if (!file.packed_path.empty() && file_bytes(file.packed_path) > 0) {
    paths.push_back(file.packed_path);
  }
  return paths;
}

}  // namespace taskzip
