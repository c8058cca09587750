#include "events.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

namespace taskzip {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLongestMessage = 4000;  // characters, as the contract says
// Events wait in memory of their own: in a heap that networks use, how long their text is would
// decide whether a switch gives the heap's top back, which takes eight times as many page faults.
constexpr std::size_t kPendingBytes = 1 << 20;

Json as_json(const MemoryPart& part) {
  return {{"pss_bytes", part.pss}, {"uss_bytes", part.uss}};
}

Json as_json(const Attribution& parts) {
  return {{"model", as_json(parts.model)},
          {"packed_cache", as_json(parts.packed_cache)},
          {"heap", as_json(parts.heap)},
          {"code", as_json(parts.code)},
          {"other", as_json(parts.other)}};
}

Json as_json(const std::optional<std::int64_t>& counter) {
  return counter ? Json(*counter) : Json(nullptr);
}

void append(std::string& pending, const Json& event) {
  // Messages of a runtime may hold bytes that are no UTF-8; they are replaced, never thrown on.
  pending += event.dump(-1, ' ', false, Json::error_handler_t::replace);
  pending += '\n';
}

}  // namespace

EventLog::EventLog(int fd) : fd_(fd) { pending_.reserve(kPendingBytes); }

void EventLog::hello(Runtime runtime, const std::string& runtime_version) {
  append(pending_, {{"kind", "hello"},
                    {"contract", kContractVersion},
                    {"runner_version", TASKZIP_RUNNER_VERSION},
                    {"runtime", name_of(runtime)},
                    {"runtime_version", runtime_version},
                    {"pid", getpid()}});
}

void EventLog::load(const LoadEvent& event) {
  append(pending_, {{"kind", "load"},
                    {"load_ns", event.load_ns},
                    {"open_ns", event.open_ns},
                    {"prepare_ns", event.prepare_ns},
                    {"resident_fraction", event.resident_fraction},
                    {"minor_faults", event.faults.minor},
                    {"major_faults", event.faults.major}});
}

void EventLog::step(const SwitchEvent& event) {
  const std::int64_t parts = event.unload_ns + event.open_ns + event.prepare_ns;
  const Faults& switching = event.switch_faults;
  const Faults& first = event.first_run_faults;
  append(pending_, {{"kind", "switch"},
                    {"index", event.index},
                    {"task", event.task},
                    {"leaves", event.leaves},
                    {"warmup", event.is_warmup},
                    {"switch_ns", event.switch_ns},
                    {"unload_ns", event.unload_ns},
                    {"open_ns", event.open_ns},
                    {"prepare_ns", event.prepare_ns},
                    {"other_ns", event.switch_ns - parts},
                    {"first_run_ns", event.first_run_ns},
                    {"first_output_ns", event.switch_ns + event.first_run_ns},
                    {"inference_ns", event.inference_ns},
                    {"resident_fraction", event.resident_fraction},
                    {"minor_faults", switching.minor + first.minor},
                    {"major_faults", switching.major + first.major},
                    {"first_minor_faults", first.minor},
                    {"first_major_faults", first.major}});
}

void EventLog::memory(const MemoryEvent& event) {
  append(pending_, {{"kind", "memory"},
                    {"phase", event.phase},
                    {"pss_bytes", event.parts.total().pss},
                    {"uss_bytes", event.parts.total().uss},
                    {"anonymous_bytes", event.reading.anonymous},
                    {"file_bytes", event.reading.file},
                    {"parts", as_json(event.parts)},
                    {"peak_pss_bytes", event.peak_pss_bytes},
                    {"peak_rss_bytes", event.peak_rss_bytes}});
}

void EventLog::pressure(const Pressure& pressure) {
  append(pending_, {{"kind", "pressure"},
                    {"refaulted_file_pages", as_json(pressure.refaulted_file_pages)},
                    {"refaulted_anonymous_pages", as_json(pressure.refaulted_anonymous_pages)},
                    {"reclaimed_pages", as_json(pressure.reclaimed_pages)},
                    {"oom_kills", as_json(pressure.oom_kills)},
                    {"some_stalled_ns", as_json(pressure.some_stalled_ns)},
                    {"full_stalled_ns", as_json(pressure.full_stalled_ns)}});
}

void EventLog::output(const std::string& task, const TensorSpec& tensor) {
  append(pending_, {{"kind", "output"},
                    {"task", task},
                    {"name", tensor.name},
                    {"file", tensor.file},
                    {"bytes", tensor.bytes}});
}

void EventLog::failure(const Error& error) {
  append(pending_, {{"kind", "failure"},
                    {"code", error.code},
                    {"message", error.message.substr(0, kLongestMessage)}});
}

void EventLog::done(std::size_t packed_cache_bytes) {
  append(pending_, {{"kind", "done"}, {"packed_cache_bytes", packed_cache_bytes}});
}

void EventLog::flush() {
  for (std::size_t at = 0; at < pending_.size();) {
    const ssize_t written = write(fd_, pending_.data() + at, pending_.size() - at);
    if (written <= 0) {
      break;  // the reader is gone; there is nobody left to tell
    }
    at += static_cast<std::size_t>(written);
  }
  pending_.clear();
}

std::string version_line() {
  const Json line = {{"contract", kContractVersion}, {"runner_version", TASKZIP_RUNNER_VERSION}};
  return line.dump() + "\n";
}

}  // namespace taskzip
