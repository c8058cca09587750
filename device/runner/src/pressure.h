// What the system says of its memory pressure: counters since it started.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace taskzip {

// Empty where the system does not tell. Of the whole system, not of this process alone.
struct Pressure {
  std::optional<std::int64_t> refaulted_file_pages;  // read again soon after they were reclaimed
  std::optional<std::int64_t> refaulted_anonymous_pages;
  std::optional<std::int64_t> reclaimed_pages;
  std::optional<std::int64_t> oom_kills;
  std::optional<std::int64_t> some_stalled_ns;  // some task waited for memory
  std::optional<std::int64_t> full_stalled_ns;  // no task could go on
};

// The value of `key` in lines of `key value`.
std::optional<std::int64_t> parse_vmstat_line(std::string_view text, std::string_view key);

// The `total=` of a line of /proc/pressure/memory that begins with `kind`, in nanoseconds.
std::optional<std::int64_t> parse_stalled_ns(std::string_view text, std::string_view kind);

// The counters now.
Pressure pressure_so_far();

// What came between two readings.
Pressure operator-(const Pressure& after, const Pressure& before);

}  // namespace taskzip
