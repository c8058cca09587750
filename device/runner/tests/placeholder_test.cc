#include "executorch/placeholder.h"

#include <gtest/gtest.h>

#include <cstddef>

namespace taskzip {
namespace {

constexpr std::size_t kBytes = 100'001;

class Placeholder : public ::testing::Test {
 protected:
  ~Placeholder() override { release_placeholder(memory_, kBytes); }

  void* const memory_ = make_placeholder(kBytes);
};

TEST_F(Placeholder, IsNotReadAtFirst) {
  ASSERT_NE(memory_, nullptr);
  EXPECT_FALSE(was_read(memory_, kBytes));
}

TEST_F(Placeholder, TellsThatItsLastByteWasRead) {
  const auto* bytes = static_cast<volatile const unsigned char*>(memory_);
  EXPECT_EQ(bytes[kBytes - 1], 0);
  EXPECT_TRUE(was_read(memory_, kBytes));
}

}  // namespace
}  // namespace taskzip
