// taskzip-runner SPEC.json | --probe RUNTIME | --ballast MIB | --version
#include <unistd.h>

#include <string>
#include <vector>

#include "ballast.h"
#include "codes.h"
#include "files.h"
#include "run.h"

namespace taskzip {
namespace {

constexpr std::size_t kLargestSpec = std::size_t{4} << 20;
constexpr int kUsageExit = 2;

Status run_file(const std::string& path, EventLog& log) {
  auto text = read_file(path, kLargestSpec);
  TASKZIP_TRY(text);
  const Bytes& bytes = text.value();
  auto spec = parse_spec({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  TASKZIP_TRY(spec);
  return run(spec.value(), log);
}

Status probe_named(const std::string& name, EventLog& log) {
  auto runtime = runtime_named(name);
  TASKZIP_TRY(runtime);
  return probe(runtime.value(), log);
}

Status hold_ballast(const std::string& mebibytes) {
  end_with_parent();  // before anything takes time
  const auto bytes = parse_mebibytes(mebibytes);
  TASKZIP_TRY(bytes);
  const auto ballast = take_ballast(bytes.value());
  TASKZIP_TRY(ballast);
  const std::string line = ballast_line(ballast.value());
  if (write(STDOUT_FILENO, line.data(), line.size()) < 0) {
    return Error{code::kWriteFailed, "nobody reads what the ballast says"};
  }
  for (;;) {
    pause();
  }
}

Status dispatch(const std::vector<std::string>& arguments, EventLog& log) {
  if (arguments.size() == 2 && arguments[0] == "--probe") {
    return probe_named(arguments[1], log);
  }
  if (arguments.size() == 2 && arguments[0] == "--ballast") {
    return hold_ballast(arguments[1]);
  }
  if (arguments.size() == 1 && arguments[0].rfind("--", 0) != 0) {
    return run_file(arguments[0], log);
  }
  return Error{code::kBadUsage,
               "usage: taskzip-runner SPEC.json | --probe RUNTIME | --ballast MIB | --version"};
}

}  // namespace
}  // namespace taskzip

int main(int count, char** words) {
  using namespace taskzip;
  const std::vector<std::string> arguments(words + 1, words + count);
  if (arguments == std::vector<std::string>{"--version"}) {
    const std::string line = version_line();
    return write(STDOUT_FILENO, line.data(), line.size()) < 0 ? 1 : 0;
  }
  EventLog log(STDOUT_FILENO);
  const Status status = dispatch(arguments, log);
  if (!status.ok()) {
    log.failure(status.error());
  }
  log.flush();
  // The runtimes' static destructors are skipped: the system takes everything back anyway.
  _exit(status.ok() ? 0 : status.error().code == code::kBadUsage ? kUsageExit : 1);
}
