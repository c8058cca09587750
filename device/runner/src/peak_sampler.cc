#include "peak_sampler.h"

#include <algorithm>
#include <chrono>

namespace taskzip {
namespace {

constexpr auto kPeriod = std::chrono::milliseconds(1);

}  // namespace

PeakSampler::PeakSampler() : thread_([this] { sample_until_stopped(); }) {}

PeakSampler::~PeakSampler() {
  is_stopping_ = true;
  thread_.join();
}

std::int64_t PeakSampler::take_peak() { return peak_bytes_.exchange(0); }

void PeakSampler::sample_until_stopped() {
  while (!is_stopping_) {
    const std::int64_t now = probe_.read();
    std::int64_t peak = peak_bytes_.load();
    while (now > peak && !peak_bytes_.compare_exchange_weak(peak, now)) {
    }
    std::this_thread::sleep_for(kPeriod);
  }
}

}  // namespace taskzip
