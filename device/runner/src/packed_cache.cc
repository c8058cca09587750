#include "packed_cache.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>

#include "codes.h"

namespace taskzip {
namespace {

constexpr char kDraft[] = ".draft";
constexpr char kSeal[] = ".seal";
constexpr std::size_t kLongestSeal = 64;

constexpr char kProgram[] = ".pte";
constexpr char kData[] = ".ptd";

// The data file of an ExecuTorch program: beside it, with its name. Empty where there is none.
std::string data_path_of(const std::string& model) {
  const std::size_t stem = model.rfind(kProgram);
  if (stem == std::string::npos || stem + std::strlen(kProgram) != model.size()) {
    return "";
  }
  const std::string path = model.substr(0, stem) + kData;
  return file_bytes(path) > 0 ? path : "";
}

Result<std::string> packed_name(const ModelFile& file, const std::string& release) {
  std::string name;
  for (const std::string& path : {file.path, file.data_path}) {
    if (!path.empty()) {
      auto hash = file_hash(path);
      TASKZIP_TRY(hash);
      name += hash.value() + "-";
    }
  }
  return name + release + ".packed";
}

// The caches of a deployment, each once.
std::set<std::string> packed_paths(const std::vector<ModelFile>& files) {
  std::set<std::string> paths;
  for (const ModelFile& file : files) {
    if (!file.packed_path.empty()) {
      paths.insert(file.packed_path);
    }
  }
  return paths;
}

bool is_sealed(const std::string& path) {
  if (file_bytes(path) == 0) {
    return false;
  }
  const auto seal = read_file(path + kSeal, kLongestSeal);
  const auto hash = file_hash(path);
  return seal.ok() && hash.ok() &&
         std::string(seal.value().begin(), seal.value().end()) == hash.value();
}

Status put_in_place(const std::string& path) {
  const std::string draft = path + kDraft;
  if (file_bytes(draft) == 0) {
    return {};
  }
  const auto hash = file_hash(draft);
  TASKZIP_TRY(hash);
  if (std::rename(draft.c_str(), path.c_str()) != 0) {
    return Error{code::kWriteFailed, path + ": cannot be put into place"};
  }
  return write_file(path + kSeal, Bytes(hash.value().begin(), hash.value().end()));
}

}  // namespace

Result<std::vector<ModelFile>> plan_model_files(const std::vector<TaskSpec>& tasks,
                                                const std::optional<std::string>& folder,
                                                const std::string& runtime_release) {
  std::map<std::string, std::string> packed_paths;
  std::vector<ModelFile> files;
  for (const TaskSpec& task : tasks) {
    ModelFile file{task.model, "", data_path_of(task.model)};
    std::string& packed = packed_paths[task.model];
    if (folder && packed.empty()) {
      TASKZIP_TRY(make_folder(*folder));
      auto name = packed_name(file, runtime_release);
      TASKZIP_TRY(name);
      packed = *folder + "/" + name.value();
    }
    file.packed_path = packed;
    files.push_back(file);
  }
  return files;
}

std::size_t packed_cache_bytes(const std::vector<ModelFile>& files) {
  std::size_t bytes = 0;
  for (const std::string& path : packed_paths(files)) {
    bytes += file_bytes(path);
  }
  return bytes;
}

bool lacks_packed_cache(const std::vector<ModelFile>& files) {
  const auto paths = packed_paths(files);
  return !std::all_of(paths.begin(), paths.end(), is_sealed);
}

std::vector<ModelFile> drafts_of(const std::vector<ModelFile>& files) {
  std::vector<ModelFile> drafts = files;
  for (ModelFile& draft : drafts) {
    if (!draft.packed_path.empty()) {
      draft.packed_path += kDraft;
    }
  }
  return drafts;
}

Status seal_packed_caches(const std::vector<ModelFile>& files) {
  for (const std::string& path : packed_paths(files)) {
    TASKZIP_TRY(put_in_place(path));
  }
  return {};
}

void remove_packed_caches(const std::vector<ModelFile>& files) {
  for (const std::string& path : packed_paths(files)) {
    for (const char* suffix : {kSeal, kDraft, ""}) {
      std::remove((path + suffix).c_str());
    }
  }
}

std::vector<std::string> files_read_by(const ModelFile& file) {
  std::vector<std::string> paths{file.path};
  if (!file.data_path.empty()) {
    paths.push_back(file.data_path);
  }
  if (!file.packed_path.empty() && file_bytes(file.packed_path) > 0) {
    paths.push_back(file.packed_path);
  }
  return paths;
}

}  // namespace taskzip
