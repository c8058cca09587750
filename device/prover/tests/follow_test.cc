#include "follow.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace taskzip {
namespace {

constexpr auto kPause = std::chrono::milliseconds(50);  // longer than the prover's nap

class Follow : public testing::Test {
 protected:
  Follow()
      : path_(made()), folder_(open(path_.c_str(), O_RDONLY | O_DIRECTORY)), claim_(folder_, "part-1") {}
  ~Follow() override {
    close(folder_);
    std::filesystem::remove_all(path_);
  }

  std::string path(const std::string& name) const { return path_ + "/" + name; }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(path(name), std::ios::binary) << content;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  static std::string made() {
    std::string pattern = (std::filesystem::temp_directory_path() / "taskzip-XXXXXX").string();
    return mkdtemp(pattern.data());
  }

  std::string path_;
  int folder_;
  Claim claim_;
};

std::string content_of(std::size_t bytes) {
  std::string content(bytes, 0);
  for (std::size_t at = 0; at < bytes; ++at) {
    content[at] = static_cast<char>(at * 31 % 251);
  }
  return content;
}

std::string hash_of(const std::string& content) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx",
                static_cast<unsigned long long>(XXH64(content.data(), content.size(), 0)));
  return text;
}

TEST_F(Follow, AFileThatIsThereGetsItsNameAndItsProof) {
  const std::string content = content_of(1'000'001);
  write("a.part-1", content);
  const auto proof = follow(claim_, {"a", "part-1", 0, content.size()});
  ASSERT_TRUE(proof.ok());
  struct stat info {};
  ASSERT_EQ(stat(path("a.partial").c_str(), &info), 0);
  EXPECT_EQ(proof.value().hash, hash_of(content));
  EXPECT_EQ(proof.value().inode, info.st_ino);
  EXPECT_EQ(proof.value().bytes, content.size());
  EXPECT_EQ(proof.value().modified_ns, info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec);
  EXPECT_FALSE(std::filesystem::exists(path("a.part-1")));
}

TEST_F(Follow, AFileIsWaitedForAndFollowedWhileItGrows) {
  const std::string content = content_of(600'000);
  std::thread writer([&] {
    std::this_thread::sleep_for(kPause);
    std::ofstream file(path("a.part-1"), std::ios::binary);
    for (std::size_t at = 0; at < content.size(); at += 200'000) {
      file << content.substr(at, 200'000) << std::flush;
      std::this_thread::sleep_for(kPause);
    }
  });
  const auto proof = follow(claim_, {"a", "part-1", 0, content.size()});
  writer.join();
  ASSERT_TRUE(proof.ok());
  EXPECT_EQ(proof.value().hash, hash_of(content));
}

TEST_F(Follow, TheRestIsAppendedToTheBeginningAndHashedAlone) {
  const std::string content = content_of(700'000);
  write("a.partial", content.substr(0, 300'001));
  write("a.part-1", content.substr(300'001));
  const auto proof = follow(claim_, {"a", "part-1", 300'001, content.size()});
  ASSERT_TRUE(proof.ok());
  EXPECT_EQ(proof.value().hash, hash_of(content.substr(300'001)));
  EXPECT_EQ(read("a.partial"), content);
  EXPECT_FALSE(std::filesystem::exists(path("a.part-1")));
}

TEST_F(Follow, ABeginningOfAnotherLengthIsRefused) {
  write("a.partial", "123");
  write("a.part-1", "456");
  const auto proof = follow(claim_, {"a", "part-1", 2, 5});
  ASSERT_FALSE(proof.ok());
  EXPECT_EQ(proof.error().code, "file_missing");
  EXPECT_EQ(read("a.partial"), "123");
}

TEST_F(Follow, WhatHasArrivedGetsItsNameAndMayBeRun) {
  write("a.part-1", "all of it");
  const Coming coming{"a", "part-1", 0, 9};
  const auto proof = follow(claim_, coming);
  ASSERT_TRUE(proof.ok());
  EXPECT_TRUE(name(claim_, coming, proof.value()).ok());
  EXPECT_EQ(read("a"), "all of it");
  struct stat info {};
  ASSERT_EQ(stat(path("a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0755u);
  EXPECT_FALSE(std::filesystem::exists(path("a.partial")));
  EXPECT_EQ(name(claim_, coming, proof.value()).error().code, "file_missing");
}

TEST_F(Follow, NothingIsTakenOrNamedOnceAnotherPushHasBegun) {
  write("a.part-1", "123");
  const Coming coming{"a", "part-1", 0, 3};
  const auto proof = follow(claim_, coming);
  ASSERT_TRUE(proof.ok());
  std::filesystem::remove(path("part-1"));
  EXPECT_EQ(name(claim_, coming, proof.value()).error().code, "run_alone");
  EXPECT_EQ(follow(claim_, {"b", "part-1", 0, 3}).error().code, "run_alone");
  EXPECT_EQ(read("a.partial"), "123");
}

TEST_F(Follow, AFileIsSettledByWhateverName) {
  write("a.part-1", "123");
  const auto proof = follow(claim_, {"a", "part-1", 0, 3});
  ASSERT_TRUE(proof.ok());
  std::filesystem::rename(path("a.partial"), path("a"));
  EXPECT_TRUE(settle(proof.value()).ok());
}

TEST_F(Follow, WhatCannotBeWrittenToTheFlashIsTold) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  const Proof proof{Descriptor(ends[1]), 0, 0, 0, ""};
  EXPECT_EQ(settle(proof).error().code, "write_failed");
}

TEST_F(Follow, ALinkIsNotFollowed) {
  write("precious", "precious");
  std::filesystem::create_symlink(path("precious"), path("a.part-1"));
  EXPECT_FALSE(follow(claim_, {"a", "part-1", 0, 8}).ok());
  EXPECT_EQ(read("precious"), "precious");
}

}  // namespace
}  // namespace taskzip
