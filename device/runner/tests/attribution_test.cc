#include "attribution.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "memory.h"
#include "scratch_folder.h"

namespace taskzip {
namespace {

constexpr std::int64_t kKiB = 1024;
constexpr std::size_t kFileBytes = std::size_t{8} << 20;
constexpr std::int64_t kElsewhere = 1 << 20;  // what a reading may move meanwhile, for itself

std::string recording(const std::string& name) {
  std::ifstream file(std::string(TASKZIP_RECORDINGS "/") + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// One mapping of a process, private, of so many KiB.
std::string mapping(const std::string& path, int kib) {
  return "7f00-7f01 rw-p 00000000 00:00 0     " + path + "\nPss:  " + std::to_string(kib) +
         " kB\nPrivate_Clean: 0 kB\nPrivate_Dirty: " + std::to_string(kib) + " kB\n";
}

// A file that is mapped and has been read, to the end of the block.
class TouchedFile {
 public:
  explicit TouchedFile(const std::string& path) : fd_(std::fopen(path.c_str(), "rb")) {
    mapped_ = mmap(nullptr, kFileBytes, PROT_READ, MAP_PRIVATE, fileno(fd_), 0);
    for (std::size_t at = 0; at < kFileBytes; at += 4096) {
      sum_ += static_cast<const volatile unsigned char*>(mapped_)[at];
    }
  }
  ~TouchedFile() {
    munmap(mapped_, kFileBytes);
    std::fclose(fd_);
  }

 private:
  std::FILE* fd_;
  void* mapped_;
  unsigned sum_ = 0;
};

TEST(Attribution, SortsEveryMappingOfARecordedProcess) {
  const DeployedFiles files{{"/data/taskzip/work/joint.tflite"},
                            {"/data/taskzip/work/packed/a7c2936d027fe040-2.3.0.packed"}};
  const Attribution found = attribute(recording("litert.smaps"), files);
  EXPECT_EQ(found.model.pss, 264 * kKiB);
  EXPECT_EQ(found.packed_cache.pss, 2704 * kKiB);
  EXPECT_EQ(found.heap.pss, (620 + 2704 + 12) * kKiB);
  EXPECT_EQ(found.code.pss, (5904 + 300) * kKiB);
  EXPECT_EQ(found.other.pss, 28 * kKiB);
  EXPECT_EQ(found.total().pss, 12536 * kKiB);
  EXPECT_EQ(found.total().uss, 12536 * kKiB);
}

TEST(Attribution, WithoutItsFilesAModelIsAnyMappedFile) {
  const std::string text = recording("litert.smaps");
  const Attribution found = attribute(text, {});
  EXPECT_EQ(found.code.pss, (5904 + 300 + 264 + 2704) * kKiB);
  EXPECT_EQ(found.total().pss, 12536 * kKiB);
}

TEST(Attribution, MemoryWithoutAFileIsHeapWhateverTheSystemCallsIt) {
  for (const char* name : {"", "[heap]", "[anon:libc_malloc]", "[anon:scudo:primary]",
                           "/memfd:XNNPack in-memory weight cache (deleted)",
                           "/dev/zero (deleted)"}) {
    EXPECT_EQ(attribute(mapping(name, 3), {}).heap.uss, 3 * kKiB) << name;
  }
  for (const char* name : {"[stack]", "[anon:stack_and_tls:12]", "[vdso]", "/dev/ion"}) {
    EXPECT_EQ(attribute(mapping(name, 3), {}).other.uss, 3 * kKiB) << name;
  }
}

TEST(Attribution, APathMayHoldSpacesAndAFileMayBeGone) {
  const DeployedFiles files{{"/data/my models/a b.pte"}, {}};
  EXPECT_EQ(attribute(mapping("/data/my models/a b.pte", 5), files).model.pss, 5 * kKiB);
  EXPECT_EQ(attribute(mapping("/data/my models/a b.pte (deleted)", 5), files).model.pss, 5 * kKiB);
}

TEST(Attribution, TextThatIsNoSmapsAddsNothing) {
  for (const char* text : {"", "\n\n", "Pss: many kB\n", "-\n:\n \n", "7f00"}) {
    EXPECT_EQ(attribute(text, {}).total().pss, 0) << text;
  }
}

TEST(Attribution, FindsTheFilesOfThisProcessAndAddsUpToItsRollup) {
  const ScratchFolder scratch;
  const std::string model = scratch.file("model", kFileBytes);
  const std::string packed = scratch.file("packed", kFileBytes);
  const auto files = DeployedFiles::of({{model, packed}});
  const TouchedFile touched_model(model);
  const TouchedFile touched_packed(packed);
  const auto found = read_attribution(files);
  const auto rollup = read_memory();
  ASSERT_TRUE(found.ok() && rollup.ok());
  EXPECT_EQ(found.value().model.pss, static_cast<std::int64_t>(kFileBytes));
  EXPECT_EQ(found.value().packed_cache.uss, static_cast<std::int64_t>(kFileBytes));
  EXPECT_NEAR(static_cast<double>(found.value().total().pss),
              static_cast<double>(rollup.value().pss), kElsewhere);
}

}  // namespace
}  // namespace taskzip
