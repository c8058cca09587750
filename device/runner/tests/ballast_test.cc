#include "ballast.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <set>
#include <string>
#include <vector>

namespace taskzip {
namespace {

constexpr std::size_t kMebibyte = std::size_t{1} << 20;

TEST(Ballast, IsWholeMebibytes) {
  EXPECT_EQ(parse_mebibytes("3").value(), 3 * kMebibyte);
  for (const char* text : {"", "0", "-1", "1.5", "1x", " 1", "1048577", "99999999999999999999"}) {
    EXPECT_FALSE(parse_mebibytes(text).ok()) << text;
  }
}

TEST(Ballast, EveryPageIsThereAndNoneIsLikeAnother) {
  const auto ballast = take_ballast(2 * kMebibyte).take();
  const std::size_t page = sysconf(_SC_PAGESIZE), pages = ballast.bytes / page;
  std::vector<unsigned char> resident(pages);
  ASSERT_EQ(mincore(ballast.pages, ballast.bytes, resident.data()), 0);
  std::set<std::string> contents;
  for (std::size_t at = 0; at < pages; ++at) {
    EXPECT_TRUE(resident[at] & 1);
    contents.emplace(reinterpret_cast<const char*>(ballast.pages + at * page), page);
  }
  EXPECT_EQ(contents.size(), pages);
  munmap(ballast.pages, ballast.bytes);
}

TEST(Ballast, TellsWhatItIs) {
  EXPECT_EQ(ballast_line({nullptr, 5, true, false}),
            "{\"ballast_bytes\":5,\"is_locked\":true,\"is_spared\":false}\n");
}

TEST(Ballast, MoreThanThereIsIsRefused) {
  EXPECT_EQ(take_ballast(std::size_t{1} << 60).error().code, "no_memory");
}

}  // namespace
}  // namespace taskzip
