#include "files.h"

#include <gtest/gtest.h>

#include "codes.h"
#include "scratch_folder.h"

namespace taskzip {
namespace {

TEST(Files, AFileComesBackAsItWasWrittenBelowANewFolder) {
  const ScratchFolder scratch;
  const Bytes content{1, 0, 255};
  ASSERT_TRUE(write_file(scratch.path("new/folder/file.bin"), content).ok());
  const auto found = read_file(scratch.path("new/folder/file.bin"), 3);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found.value(), content);
}

TEST(Files, AMissingFileIsAnErrorThatNamesIt) {
  const auto found = read_file("/nowhere/file.bin", 3);
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, code::kFileMissing);
  EXPECT_NE(found.error().message.find("/nowhere/file.bin"), std::string::npos);
}

TEST(Files, AFileLargerThanExpectedIsNotRead) {
  const ScratchFolder scratch;
  const auto found = read_file(scratch.file("large.bin", 4), 3);
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, code::kFileMismatch);
}

TEST(Files, AFolderThatCannotBeMadeIsAnError) {
  const ScratchFolder scratch;
  const Status made = make_folder(scratch.file("file", 1) + "/below");
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, code::kWriteFailed);
}

TEST(Files, AFullDeviceIsAnError) {
  const Status written = write_file("/dev/full", Bytes(1));
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, code::kWriteFailed);
}

}  // namespace
}  // namespace taskzip
