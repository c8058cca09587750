#include "packed_cache.h"

#include <gtest/gtest.h>

#include "codes.h"
#include "scratch_folder.h"

namespace taskzip {
namespace {

TaskSpec task_of(const std::string& model) {
  TaskSpec task;
  task.model = model;
  return task;
}

TEST(PackedCache, WithoutAFolderNothingIsPlanned) {
  const auto files = plan_model_files({task_of("missing.pte")}, std::nullopt, "1.0");
  ASSERT_TRUE(files.ok());
  EXPECT_EQ(files.value().at(0).packed_path, "");
  EXPECT_FALSE(lacks_packed_cache(files.value()));
  EXPECT_EQ(packed_cache_bytes(files.value()), 0U);
  EXPECT_EQ(files_read_by(files.value().at(0)), std::vector<std::string>{"missing.pte"});
}

TEST(PackedCache, TasksOfOneFileShareACacheAndItIsCountedOnce) {
  const ScratchFolder scratch;
  const std::string model = scratch.file("joint.pte", 10);
  const auto files =
      plan_model_files({task_of(model), task_of(model)}, scratch.path("packed"), "1.0");
  ASSERT_TRUE(files.ok());
  const std::string packed = files.value().at(0).packed_path;
  EXPECT_EQ(files.value().at(1).packed_path, packed);
  EXPECT_TRUE(lacks_packed_cache(files.value()));
  ASSERT_TRUE(write_file(drafts_of(files.value()).at(0).packed_path, Bytes(7)).ok());
  EXPECT_TRUE(lacks_packed_cache(files.value()));
  ASSERT_TRUE(seal_packed_caches(files.value()).ok());
  EXPECT_FALSE(lacks_packed_cache(files.value()));
  EXPECT_EQ(packed_cache_bytes(files.value()), 7U);
  EXPECT_EQ(files_read_by(files.value().at(0)), (std::vector<std::string>{model, packed}));
}

TEST(PackedCache, AnotherContentOrReleaseHasAnotherCache) {
  const ScratchFolder scratch;
  const auto packed_of = [&](const std::string& model, const std::string& release) {
    return plan_model_files({task_of(model)}, scratch.path("packed"), release)
        .value()
        .at(0)
        .packed_path;
  };
  const std::string one = scratch.file("one", 10, 1);
  const std::string two = scratch.file("two", 10, 2);
  EXPECT_NE(packed_of(one, "1.0"), packed_of(two, "1.0"));
  EXPECT_NE(packed_of(one, "1.0"), packed_of(one, "1.1"));
  EXPECT_EQ(packed_of(one, "1.0"), packed_of(scratch.file("copy", 10, 1), "1.0"));
}

TEST(PackedCache, ADataFileIsReadWithItsProgramAndHasAPartInTheCachesName) {
  const ScratchFolder scratch;
  const std::string model = scratch.file("joint.pte", 10);
  const std::string data = scratch.file("joint.ptd", 10, 1);
  const auto planned = [&] {
    return plan_model_files({task_of(model)}, scratch.path("packed"), "1.0").value().at(0);
  };
  const ModelFile first = planned();
  EXPECT_EQ(files_read_by(first), (std::vector<std::string>{model, data}));
  scratch.file("joint.ptd", 10, 2);
  EXPECT_NE(planned().packed_path, first.packed_path);
}

TEST(PackedCache, ADamagedCacheCountsAsMissing) {
  const ScratchFolder scratch;
  const auto files =
      plan_model_files({task_of(scratch.file("a.pte", 10))}, scratch.path("packed"), "1.0");
  const std::string packed = files.value().at(0).packed_path;
  const Bytes whole(100000, 7);
  Bytes flipped = whole;
  flipped[99999] ^= 0x80;
  Bytes signs = whole;  // two sign bits of one place in a word, which a plain FNV-1a would miss
  signs[7] ^= 0x80;
  signs[807] ^= 0x80;
  for (const Bytes& damaged : {flipped, signs, Bytes(99999, 7), Bytes(100001, 7), Bytes()}) {
    ASSERT_TRUE(write_file(drafts_of(files.value()).at(0).packed_path, whole).ok());
    ASSERT_TRUE(seal_packed_caches(files.value()).ok());
    ASSERT_FALSE(lacks_packed_cache(files.value()));
    ASSERT_TRUE(write_file(packed, damaged).ok());
    EXPECT_TRUE(lacks_packed_cache(files.value()));
  }
}

TEST(PackedCache, AWholeCacheWithoutItsSealCountsAsMissing) {
  const ScratchFolder scratch;
  const auto files =
      plan_model_files({task_of(scratch.file("a.pte", 10))}, scratch.path("packed"), "1.0");
  ASSERT_TRUE(write_file(files.value().at(0).packed_path, Bytes(100)).ok());
  EXPECT_TRUE(lacks_packed_cache(files.value()));
}

TEST(PackedCache, RemovingLeavesNothingAndNoDraftIsNoError) {
  const ScratchFolder scratch;
  const auto files =
      plan_model_files({task_of(scratch.file("a.pte", 10))}, scratch.path("packed"), "1.0");
  ASSERT_TRUE(write_file(drafts_of(files.value()).at(0).packed_path, Bytes(100)).ok());
  ASSERT_TRUE(seal_packed_caches(files.value()).ok());
  remove_packed_caches(files.value());
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path("packed")));
  EXPECT_TRUE(seal_packed_caches(files.value()).ok());
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path("packed")));
}

TEST(PackedCache, AMissingModelIsAnError) {
  const ScratchFolder scratch;
  const auto files = plan_model_files({task_of("missing.pte")}, scratch.path("packed"), "1.0");
  ASSERT_FALSE(files.ok());
  EXPECT_EQ(files.error().code, code::kFileMissing);
}

}  // namespace
}  // namespace taskzip
