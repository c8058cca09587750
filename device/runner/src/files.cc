#include "files.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
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

constexpr std::size_t kBlockBytes = std::size_t{64} << 10;

// FNV-1a over words of 8 bytes, with the high half folded into the low one after each, so that
// changes of two sign bits do not cancel out. Blocks but the last hold whole words.
class Hash {
 public:
  void add(const unsigned char* bytes, std::size_t count) {
    for (std::size_t at = 0; at < count; at += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes + at, std::min(sizeof(word), count - at));
      mix(word);
    }
    total_ += count;
  }

  // 16 hexadecimal digits; the length is part of it.
  std::string text() {
    mix(total_);
    char digits[17];
    std::snprintf(digits, sizeof(digits), "%016llx", static_cast<unsigned long long>(state_));
    return digits;
  }

 private:
  void mix(std::uint64_t word) {
    state_ = (state_ ^ word) * 1099511628211U;
    state_ ^= state_ >> 32;
  }

  std::uint64_t state_ = 14695981039346656037U;
  std::uint64_t total_ = 0;
};

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

Result<std::string> file_hash(const std::string& path) {
  const File file(std::fopen(path.c_str(), "rb"));
  if (!file) {
    return Error{code::kFileMissing, path + ": " + reason()};
  }
  Hash hash;
  Bytes block(kBlockBytes);
  std::size_t length = 0;
  while ((length = std::fread(block.data(), 1, block.size(), file.get())) > 0) {
    hash.add(block.data(), length);
  }
  if (std::ferror(file.get()) != 0) {
    return Error{code::kFileMissing, path + ": cannot be read whole"};
  }
  return hash.text();
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
