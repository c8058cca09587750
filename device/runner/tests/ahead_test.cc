#include "ahead.h"

#include <gtest/gtest.h>

#include <vector>

namespace taskzip {
namespace {

constexpr std::size_t kPage = Ahead::kFlashPageBytes;
constexpr std::size_t kBegin = 64 * kPage;

bool operator==(Range a, Range b) { return a.offset == b.offset && a.bytes == b.bytes; }

TEST(Ahead, WithoutATaskNothingIsRead) {
  Ahead ahead;
  EXPECT_TRUE(ahead.ask(kBegin, kPage) == Range{});
  ahead.begin_task();  // and unloaded
  EXPECT_TRUE(ahead.ask(kBegin, kPage) == Range{});
}

TEST(Ahead, APartIsReadInWholeFlashPages) {
  Ahead ahead;
  const auto task = ahead.begin_task();
  EXPECT_TRUE(ahead.ask(kBegin, kPage + 1) == (Range{kBegin, 2 * kPage}));
}

TEST(Ahead, PartsThatTouchAreReadOnce) {
  Ahead ahead;
  const auto task = ahead.begin_task();
  EXPECT_TRUE(ahead.ask(kBegin, 6588) == (Range{kBegin, kPage}));
  EXPECT_TRUE(ahead.ask(kBegin + 6592, 6912) == Range{});
  EXPECT_TRUE(ahead.ask(kBegin + 13504, 6588) == (Range{kBegin + kPage, kPage}));
}

TEST(Ahead, WhatALoadedTaskHasIsNotReadAgain) {
  Ahead ahead;
  auto first = ahead.begin_task();
  ahead.ask(kBegin, kPage);
  const auto second = ahead.begin_task();
  EXPECT_TRUE(ahead.ask(kBegin, kPage) == Range{});
  first.reset();
  const auto third = ahead.begin_task();
  EXPECT_TRUE(ahead.ask(kBegin, kPage) == Range{});  // the second has it still
}

TEST(Ahead, WhatNobodyHasAnyMoreIsReadAgain) {
  Ahead ahead;
  auto first = ahead.begin_task();
  ahead.ask(kBegin, kPage);
  first.reset();
  const auto second = ahead.begin_task();
  EXPECT_TRUE(ahead.ask(kBegin, kPage) == (Range{kBegin, kPage}));
}

TEST(Ahead, NoMoreThanTheBeginningIsRead) {
  Ahead ahead;
  const auto task = ahead.begin_task();
  EXPECT_EQ(ahead.ask(0, 1).bytes, kPage);
  EXPECT_EQ(ahead.ask(kBegin, 2 * Ahead::kMostBytes).bytes, Ahead::kMostBytes - kPage);
  EXPECT_TRUE(ahead.ask(4 * Ahead::kMostBytes, kPage).bytes == 0);
}

}  // namespace
}  // namespace taskzip
