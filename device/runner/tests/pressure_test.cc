#include "pressure.h"

#include <gtest/gtest.h>

namespace taskzip {
namespace {

constexpr char kVmstat[] =
    "workingset_refault_anon 7\n"
    "workingset_refault_file 4711\n"
    "workingset_refault_file_more 1\n"
    "oom_kill 2\n";
constexpr char kStalls[] =
    "some avg10=0.00 avg60=0.12 avg300=0.05 total=1500\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=20\n";

TEST(Pressure, ReadsACounterByItsWholeName) {
  EXPECT_EQ(parse_vmstat_line(kVmstat, "workingset_refault_file"), 4711);
  EXPECT_EQ(parse_vmstat_line(kVmstat, "oom_kill"), 2);
  EXPECT_EQ(parse_vmstat_line(kVmstat, "workingset_refault"), std::nullopt);
}

TEST(Pressure, StallsAreToldInMicroseconds) {
  EXPECT_EQ(parse_stalled_ns(kStalls, "some"), 1'500'000);
  EXPECT_EQ(parse_stalled_ns(kStalls, "full"), 20'000);
}

TEST(Pressure, WhatIsNotTextOfThatKindGivesNothing) {
  for (const char* text : {"", "some", "some total=", "some total=-4", "some total=x"}) {
    EXPECT_EQ(parse_stalled_ns(text, "some"), std::nullopt) << text;
  }
}

TEST(Pressure, WhatOneReadingLacksTheDifferenceLacks) {
  Pressure before, after;
  before.oom_kills = 1;
  after.oom_kills = 3;
  after.reclaimed_pages = 9;
  const Pressure between = after - before;
  EXPECT_EQ(between.oom_kills, 2);
  EXPECT_EQ(between.reclaimed_pages, std::nullopt);
}

}  // namespace
}  // namespace taskzip
