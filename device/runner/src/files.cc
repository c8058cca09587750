#include "files.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "codes.h"

namespace taskzip {
namespace {

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Closer>;

std::string reason() { return std::strerror(errno); }

}  // namespace

Result<Bytes> read_file(const std::string& path, std::size_t most_bytes) {
  const File file(std::fopen(path.c_str(), "rb"));
  if (!file) {
    return Error{code::kFileMissing, path + ": " + reason()};
  }
  Bytes content(file_bytes(path));
  if (content.size() > most_bytes) {
    return Error{code::kFileMismatch, path + ": " + std::to_string(content.size()) +
                                          " bytes, at most " + std::to_string(most_bytes) +
                                          " are expected"};
  }
  if (std::fread(content.data(), 1, content.size(), file.get()) != content.size()) {
    return Error{code::kFileMissing, path + ": cannot be read whole"};
  }
  return content;
}

Status write_file(const std::string& path, const Bytes& content) {
  TASKZIP_TRY(make_folder(std::filesystem::path(path).parent_path().string()));
  File file(std::fopen(path.c_str(), "wb"));
  if (!file || std::fwrite(content.data(), 1, content.size(), file.get()) != content.size() ||
      std::fflush(file.get()) != 0) {
    return Error{code::kWriteFailed, path + ": " + reason()};
  }
  return {};
}

Status make_folder(const std::string& path) {
  std::error_code failed;
  if (!path.empty()) {
    std::filesystem::create_directories(path, failed);
  }
  if (failed) {
    return Error{code::kWriteFailed, path + ": " + failed.message()};
  }
  return {};
}

std::size_t file_bytes(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? static_cast<std::size_t>(info.st_size) : 0;
}

}  // namespace taskzip
