#include "pressure.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace taskzip {
namespace {

using Counter = std::optional<std::int64_t>;

constexpr std::size_t kLongestProcText = 64 << 10;

std::string read_proc(const char* path) {
  std::string text(kLongestProcText, '\0');
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  std::size_t length = 0;
  for (ssize_t got = 1; fd >= 0 && got > 0 && length < text.size();) {
    got = read(fd, text.data() + length, text.size() - length);
    length += got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  if (fd >= 0) {
    close(fd);
  }
  text.resize(length);
  return text;
}

// The line that begins with `word` and a space, without both; empty if there is none.
std::string_view line_after(std::string_view text, std::string_view word) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    if (line.size() > word.size() && line.substr(0, word.size()) == word &&
        line[word.size()] == ' ') {
      return line.substr(word.size() + 1);
    }
    at = end + 1;
  }
  return {};
}

Counter number(std::string_view text) {
  std::int64_t value = 0;
  const auto [rest, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc() && value >= 0 ? Counter(value) : std::nullopt;
}

Counter sum(Counter one, Counter other) {
  return one && other ? Counter(*one + *other) : std::nullopt;
}

Counter difference(Counter after, Counter before) {
  return after && before ? Counter(std::max<std::int64_t>(*after - *before, 0)) : std::nullopt;
}

}  // namespace

Counter parse_vmstat_line(std::string_view text, std::string_view key) {
  return number(line_after(text, key));
}

Counter parse_stalled_ns(std::string_view text, std::string_view kind) {
  constexpr std::string_view kTotal = "total=";
  const std::string_view line = line_after(text, kind);
  const std::size_t at = line.find(kTotal);
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  const Counter microseconds = number(line.substr(at + kTotal.size()));
  return microseconds ? Counter(*microseconds * 1000) : std::nullopt;
}

Pressure pressure_so_far() {
  const std::string vmstat = read_proc("/proc/vmstat");
  const std::string stalls = read_proc("/proc/pressure/memory");
  Pressure now;
  now.refaulted_file_pages = parse_vmstat_line(vmstat, "workingset_refault_file");
  now.refaulted_anonymous_pages = parse_vmstat_line(vmstat, "workingset_refault_anon");
  now.reclaimed_pages = sum(parse_vmstat_line(vmstat, "pgsteal_kswapd"),
                            parse_vmstat_line(vmstat, "pgsteal_direct"));
  now.oom_kills = parse_vmstat_line(vmstat, "oom_kill");
  now.some_stalled_ns = parse_stalled_ns(stalls, "some");
  now.full_stalled_ns = parse_stalled_ns(stalls, "full");
  return now;
}

Pressure operator-(const Pressure& after, const Pressure& before) {
  return {difference(after.refaulted_file_pages, before.refaulted_file_pages),
          difference(after.refaulted_anonymous_pages, before.refaulted_anonymous_pages),
          difference(after.reclaimed_pages, before.reclaimed_pages),
          difference(after.oom_kills, before.oom_kills),
          difference(after.some_stalled_ns, before.some_stalled_ns),
          difference(after.full_stalled_ns, before.full_stalled_ns)};
}

}  // namespace taskzip
