#include "page_cache.h"

#include <gtest/gtest.h>

#include "codes.h"
#include "scratch_folder.h"

namespace taskzip {
namespace {

constexpr std::size_t kBytes = std::size_t{1} << 20;

TEST(PageCache, AFileJustWrittenIsInMemory) {
  const ScratchFolder scratch;
  const auto fraction = resident_fraction({scratch.file("model", kBytes)});
  ASSERT_TRUE(fraction.ok());
  EXPECT_EQ(fraction.value(), 1.0);
}

TEST(PageCache, ReadingThroughBringsAnEvictedFileBack) {
  const ScratchFolder scratch;
  const std::vector<std::string> paths{scratch.file("model", kBytes)};
  ASSERT_TRUE(evict(paths).ok());
  const double evicted = resident_fraction(paths).value();
  if (evicted == 1.0) {
    GTEST_SKIP() << "this file system lives in memory";
  }
  EXPECT_LT(evicted, 0.1);
  ASSERT_TRUE(read_through(paths).ok());
  EXPECT_EQ(resident_fraction(paths).value(), 1.0);
}

TEST(PageCache, FilesWithoutPagesAreAllInMemory) {
  const ScratchFolder scratch;
  EXPECT_EQ(resident_fraction({}).value(), 1.0);
  EXPECT_EQ(resident_fraction({scratch.file("empty", 0)}).value(), 1.0);
}

TEST(PageCache, AMissingFileIsAnError) {
  const std::vector<std::string> paths{"/nowhere/model"};
  EXPECT_EQ(evict(paths).error().code, code::kFileMissing);
  EXPECT_EQ(read_through(paths).error().code, code::kFileMissing);
  EXPECT_EQ(resident_fraction(paths).error().code, code::kFileMissing);
}

}  // namespace
}  // namespace taskzip
