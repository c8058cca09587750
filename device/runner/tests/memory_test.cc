#include "memory.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

#include "peak_sampler.h"

namespace taskzip {
namespace {

constexpr char kRollup[] =
    "7f0000000000-7fff00000000 ---p 00000000 00:00 0    [rollup]\n"
    "Rss:                2048 kB\n"
    "Pss:                1000 kB\n"
    "Pss_Dirty:           300 kB\n"
    "Pss_Anon:            280 kB\n"
    "Pss_File:            720 kB\n"
    "Private_Clean:       100 kB\n"
    "Private_Dirty:       290 kB\n"
    "Anonymous:           280 kB\n";

TEST(Memory, ReadsARollup) {
  const auto reading = parse_smaps_rollup(kRollup);
  ASSERT_TRUE(reading.has_value());
  EXPECT_EQ(reading->pss, 1000 * 1024);
  EXPECT_EQ(reading->uss, 390 * 1024);
  EXPECT_EQ(reading->anonymous, 280 * 1024);
  EXPECT_EQ(reading->file, 720 * 1024);
}

TEST(Memory, OnAnOldKernelTheFilePartIsTheRest) {
  const auto reading = parse_smaps_rollup(
      "Pss: 10 kB\nPrivate_Clean: 1 kB\nPrivate_Dirty: 2 kB\nAnonymous: 4 kB\n");
  ASSERT_TRUE(reading.has_value());
  EXPECT_EQ(reading->file, 6 * 1024);
}

TEST(Memory, NothingIsGuessedWhereALineIsMissing) {
  EXPECT_FALSE(parse_smaps_rollup("Pss: 10 kB\nAnonymous: 4 kB\n").has_value());
  EXPECT_FALSE(parse_smaps_rollup("").has_value());
}

TEST(Memory, AKeyIsAWholeWord) {
  EXPECT_EQ(parse_kib_line("Pss_Dirty: 1 kB\nPss: 2 kB", "Pss"), 2 * 1024);
  EXPECT_FALSE(parse_kib_line("Pss: many kB\n", "Pss").has_value());
  EXPECT_FALSE(parse_kib_line("Pss:\n", "Pss").has_value());
  EXPECT_FALSE(parse_kib_line("Pss: -3 kB\n", "Pss").has_value());
}

TEST(Memory, ATouchedBufferShowsInTheReadingAndInThePeakThatOutlivesIt) {
  constexpr std::size_t kBytes = std::size_t{32} << 20;
  PeakSampler sampler;
  const auto before = read_memory();
  ASSERT_TRUE(before.ok());
  {
    std::vector<unsigned char> buffer(kBytes, 1);
    const auto during = read_memory();
    ASSERT_TRUE(during.ok());
    EXPECT_GE(during.value().anonymous - before.value().anonymous,
              static_cast<std::int64_t>(kBytes) - (1 << 20));
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_EQ(buffer[kBytes - 1], 1);
  }
  EXPECT_GE(sampler.take_peak() - before.value().pss, static_cast<std::int64_t>(kBytes) / 2);
  EXPECT_GE(peak_rss_bytes().value(), static_cast<std::int64_t>(kBytes));
}

}  // namespace
}  // namespace taskzip
