#include "tick.h"

#include <time.h>

#include <cstdint>

#include "clock.h"

namespace taskzip {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::int64_t kTickIsOver_ns = 150'000;  // the tick's own work, and waking up from it

// The coarse clocks move once a tick: their resolution is its period.
std::int64_t tick_period_ns() {
  timespec period{};
  clock_getres(CLOCK_MONOTONIC_COARSE, &period);
  return static_cast<std::int64_t>(period.tv_sec) * kNanosecondsPerSecond + period.tv_nsec;
}

}  // namespace

void await_tick() {
  static const std::int64_t period_ns = tick_period_ns();
  const std::int64_t wake_ns = (now_ns() / period_ns + 1) * period_ns + kTickIsOver_ns;
  timespec wake{};
  wake.tv_sec = static_cast<time_t>(wake_ns / kNanosecondsPerSecond);
  wake.tv_nsec = static_cast<long>(wake_ns % kNanosecondsPerSecond);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, nullptr) != 0) {
  }
}

}  // namespace taskzip
