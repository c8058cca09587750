#include "attribution.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>

#include "codes.h"
#include "memory.h"

namespace taskzip {
namespace {

constexpr char kSmaps[] = "/proc/self/smaps";
constexpr std::size_t kLongestLine = 8192;  // a path is at most 4096 bytes long
constexpr std::string_view kDeleted = " (deleted)";
constexpr int kFieldsBeforePath = 5;  // addresses, permissions, offset, device, inode

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool holds(const std::vector<std::string>& paths, std::string_view path) {
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

// A mapping's first line begins with its addresses, in small hexadecimal letters; the lines below
// it begin with a capital.
bool is_mapping(std::string_view line) {
  return !line.empty() &&
         ((line[0] >= '0' && line[0] <= '9') || (line[0] >= 'a' && line[0] <= 'f'));
}

// What is mapped, empty for nameless memory.
std::string_view path_of(std::string_view mapping) {
  for (int field = 0; field < kFieldsBeforePath; ++field) {
    mapping.remove_prefix(std::min(mapping.find(' '), mapping.size()));
    mapping.remove_prefix(std::min(mapping.find_first_not_of(' '), mapping.size()));
  }
  if (ends_with(mapping, kDeleted)) {
    mapping.remove_suffix(kDeleted.size());
  }
  return mapping;
}

bool is_heap(std::string_view path) {
  const bool is_stack = starts_with(path, "[anon:stack");
  return path.empty() || path == "[heap]" || (starts_with(path, "[anon:") && !is_stack) ||
         starts_with(path, "[anon_shmem:") || starts_with(path, "/memfd:") ||
         starts_with(path, "/dev/zero");
}

MemoryPart& part_of(std::string_view path, const DeployedFiles& files, Attribution& sum) {
  if (holds(files.models, path)) {
    return sum.model;
  }
  if (holds(files.packed_caches, path)) {
    return sum.packed_cache;
  }
  if (is_heap(path)) {
    return sum.heap;
  }
  return starts_with(path, "/") && !starts_with(path, "/dev/") ? sum.code : sum.other;
}

std::string absolute(const std::string& path) {
  std::error_code failed;
  const auto found = std::filesystem::canonical(path, failed);
  return failed ? path : found.string();
}

// Feeds all lines of a file; false where it cannot be read.
bool add_lines(int fd, Attributor& attributor) {
  std::array<char, kLongestLine> buffer;
  std::size_t held = 0;
  ssize_t length = 0;
  bool is_read = false;
  while ((length = read(fd, buffer.data() + held, buffer.size() - held)) > 0) {
    is_read = true;
    held += static_cast<std::size_t>(length);
    std::string_view text(buffer.data(), held);
    for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
      attributor.add(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
    held = text.size() < buffer.size() ? text.size() : 0;
    std::memmove(buffer.data(), text.data(), held);
  }
  return is_read && length == 0;
}

}  // namespace

MemoryPart Attribution::total() const {
  MemoryPart all;
  for (const MemoryPart* part : {&model, &packed_cache, &heap, &code, &other}) {
    all.pss += part->pss;
    all.uss += part->uss;
  }
  return all;
}

DeployedFiles DeployedFiles::of(const std::vector<ModelFile>& files) {
  DeployedFiles paths;
  for (const ModelFile& file : files) {
    paths.models.push_back(absolute(file.path));
    if (!file.data_path.empty()) {
      paths.models.push_back(absolute(file.data_path));
    }
    if (!file.packed_path.empty()) {
      paths.packed_caches.push_back(absolute(file.packed_path));
    }
  }
  return paths;
}

void Attributor::add(std::string_view line) {
  if (is_mapping(line)) {
    part_ = &part_of(path_of(line), files_, sum_);
    return;
  }
  part_->pss += parse_kib_line(line, "Pss").value_or(0);
  part_->uss += parse_kib_line(line, "Private_Clean").value_or(0);
  part_->uss += parse_kib_line(line, "Private_Dirty").value_or(0);
}

Attribution attribute(std::string_view smaps, const DeployedFiles& files) {
  Attributor attributor(files);
  for (std::size_t at = 0; at < smaps.size();) {
    const std::size_t end = std::min(smaps.find('\n', at), smaps.size());
    attributor.add(smaps.substr(at, end - at));
    at = end + 1;
  }
  return attributor.sum();
}

Result<Attribution> read_attribution(const DeployedFiles& files) {
  const int fd = open(kSmaps, O_RDONLY | O_CLOEXEC);
  Attributor attributor(files);
  const bool is_read = fd >= 0 && add_lines(fd, attributor);
  if (fd >= 0) {
    close(fd);
  }
  if (!is_read) {
    return Error{code::kMeasureFailed, std::string(kSmaps) + " does not answer"};
  }
  return attributor.sum();
}

}  // namespace taskzip
