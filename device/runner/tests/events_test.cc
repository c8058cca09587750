#include "events.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>

namespace taskzip {
namespace {

// What `write` wrote to a log, after its flush.
template <class Write>
std::string written(Write write) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  EventLog log(ends[1]);
  write(log);
  close(ends[1]);
  std::string text(1 << 14, '\0');
  const ssize_t length = read(ends[0], text.data(), text.size());
  close(ends[0]);
  text.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  return text;
}

TEST(Events, NothingIsWrittenBeforeTheFlush) {
  EXPECT_EQ(written([](EventLog& log) { log.done(3); }), "");
  EXPECT_EQ(written([](EventLog& log) {
              log.done(3);
              log.flush();
            }),
            "{\"kind\":\"done\",\"packed_cache_bytes\":3}\n");
}

TEST(Events, AMessageOfTheRuntimeMayHoldAnyBytes) {
  const std::string line = written([](EventLog& log) {
    log.failure({"load_failed", std::string("broken \xff \"text\"\n") + std::string(5000, 'x')});
    log.flush();
  });
  const auto event = nlohmann::json::parse(line);
  EXPECT_EQ(event["code"], "load_failed");
  EXPECT_LE(event["message"].get<std::string>().size(), 4002U);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

}  // namespace
}  // namespace taskzip
