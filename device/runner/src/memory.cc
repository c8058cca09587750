#include "memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "codes.h"

namespace taskzip {
namespace {

constexpr char kRollup[] = "/proc/self/smaps_rollup";
constexpr std::size_t kLongestProcText = 4096;

// The text of a small /proc file in a caller's buffer; empty where it cannot be read.
std::string_view read_proc(int fd, char (&buffer)[kLongestProcText]) {
  const ssize_t length = pread(fd, buffer, sizeof(buffer), 0);
  return {buffer, length > 0 ? static_cast<std::size_t>(length) : 0};
}

std::string_view read_proc(const char* path, char (&buffer)[kLongestProcText]) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  const std::string_view text = read_proc(fd, buffer);
  if (fd >= 0) {
    close(fd);
  }
  return text;
}

}  // namespace

std::optional<std::int64_t> parse_kib_line(std::string_view text, std::string_view key) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (line.size() <= key.size() || line.substr(0, key.size()) != key ||
        line[key.size()] != ':') {
      continue;
    }
    line.remove_prefix(std::min(line.find_first_not_of(" \t", key.size() + 1), line.size()));
    std::int64_t kib = 0;
    const auto [rest, failed] = std::from_chars(line.data(), line.data() + line.size(), kib);
    if (failed != std::errc() || kib < 0) {
      return std::nullopt;
    }
    return kib * 1024;
  }
  return std::nullopt;
}

std::optional<MemoryReading> parse_smaps_rollup(std::string_view text) {
  const auto pss = parse_kib_line(text, "Pss");
  const auto clean = parse_kib_line(text, "Private_Clean");
  const auto dirty = parse_kib_line(text, "Private_Dirty");
  const auto anonymous = parse_kib_line(text, "Anonymous");
  if (!pss || !clean || !dirty || !anonymous) {
    return std::nullopt;
  }
  // Pss_File came with 5.4; before it, what is not anonymous is the nearest figure.
  const auto file = parse_kib_line(text, "Pss_File");
  const std::int64_t rest = *pss > *anonymous ? *pss - *anonymous : 0;
  return MemoryReading{*pss, *clean + *dirty, *anonymous, file.value_or(rest)};
}

Result<MemoryReading> read_memory() {
  char buffer[kLongestProcText];
  const auto reading = parse_smaps_rollup(read_proc(kRollup, buffer));
  if (!reading) {
    return Error{code::kMeasureFailed, std::string(kRollup) + " does not answer"};
  }
  return *reading;
}

Result<std::int64_t> peak_rss_bytes() {
  char buffer[kLongestProcText];
  const auto peak = parse_kib_line(read_proc("/proc/self/status", buffer), "VmHWM");
  if (!peak) {
    return Error{code::kMeasureFailed, "/proc/self/status has no VmHWM"};
  }
  return *peak;
}

PssProbe::PssProbe() : fd_(open(kRollup, O_RDONLY | O_CLOEXEC)) {}

PssProbe::~PssProbe() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

std::int64_t PssProbe::read() const {
  char buffer[kLongestProcText];
  return parse_kib_line(read_proc(fd_, buffer), "Pss").value_or(0);
}

}  // namespace taskzip
