#include "deployment.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "recording_backend.h"

namespace taskzip {
namespace {

// Tasks of one file, or of a file each.
class Tasks {
 public:
  explicit Tasks(DeploymentKind kind, const std::vector<std::string>& names = {"a", "b"}) {
    const bool is_joint =
        kind == DeploymentKind::kJoint || kind == DeploymentKind::kJointLazy;
    spec_.deployment = kind;
    spec_.lru_k = kind == DeploymentKind::kSeparateLru ? 2 : 0;
    for (const std::string& name : names) {
      TaskSpec task;
      task.entry = name;
      spec_.tasks.push_back(task);
      files_.push_back({is_joint ? "joint" : name, ""});
    }
    deployment_ = make_deployment(spec_, backend_, files_);
  }

  Journal load(std::size_t initial) {
    EXPECT_TRUE(deployment_->load(initial, split_).ok());
    return backend_.take_journal();
  }
  Journal switch_to(std::size_t task) {
    EXPECT_TRUE(deployment_->switch_to(task, split_).ok());
    return backend_.take_journal();
  }
  Journal invoke() {
    EXPECT_TRUE(deployment_->current().invoke().ok());
    return backend_.take_journal();
  }
  Journal unload() {
    deployment_->unload();
    return backend_.take_journal();
  }
  void break_task(std::size_t task) { spec_.tasks[task].entry = "broken"; }
  Status load_status() { return deployment_->load(0, split_); }
  Deployment& deployment() { return *deployment_; }

 private:
  RecordingBackend backend_;
  RunSpec spec_;
  std::vector<ModelFile> files_;
  Split split_;
  std::unique_ptr<Deployment> deployment_;
};

TEST(Joint, OpensOneFileLoadsEveryTaskAndSwitchesWithoutTheRuntime) {
  Tasks tasks(DeploymentKind::kJoint);
  EXPECT_EQ(tasks.load(1), (Journal{"open joint", "load a", "load b"}));
  EXPECT_EQ(tasks.invoke(), Journal{"invoke b"});
  EXPECT_EQ(tasks.switch_to(0), Journal{});
  EXPECT_EQ(tasks.invoke(), Journal{"invoke a"});
  EXPECT_EQ(tasks.unload(), (Journal{"unload a", "unload b", "close joint"}));
  EXPECT_TRUE(tasks.deployment().is_resident());
}

TEST(JointLazy, LoadsTheNextTaskBeforeItUnloadsTheLast) {
  Tasks tasks(DeploymentKind::kJointLazy);
  EXPECT_EQ(tasks.load(0), (Journal{"open joint", "load a"}));
  EXPECT_EQ(tasks.switch_to(1), (Journal{"load b", "unload a"}));
  EXPECT_EQ(tasks.invoke(), Journal{"invoke b"});
  EXPECT_EQ(tasks.unload(), (Journal{"unload b", "close joint"}));
  EXPECT_FALSE(tasks.deployment().is_resident());
}

TEST(SeparateResident, OpensEveryFileAndSwitchesWithoutTheRuntime) {
  Tasks tasks(DeploymentKind::kSeparateResident);
  EXPECT_EQ(tasks.load(0), (Journal{"open a", "load a", "open b", "load b"}));
  EXPECT_EQ(tasks.switch_to(1), Journal{});
  EXPECT_EQ(tasks.invoke(), Journal{"invoke b"});
  Journal end = tasks.unload();
  std::sort(end.begin() + 2, end.end());  // files may be closed in any order, after their entries
  EXPECT_EQ(end, (Journal{"unload a", "unload b", "close a", "close b"}));
}

TEST(SeparateSwap, UnloadsAndClosesTheLastTaskBeforeItOpensTheNext) {
  Tasks tasks(DeploymentKind::kSeparateSwap);
  EXPECT_EQ(tasks.load(0), (Journal{"open a", "load a"}));
  EXPECT_EQ(tasks.switch_to(1), (Journal{"unload a", "close a", "open b", "load b"}));
  EXPECT_EQ(tasks.invoke(), Journal{"invoke b"});
  EXPECT_EQ(tasks.unload(), (Journal{"unload b", "close b"}));
}

TEST(SeparateLru, KeepsTheTwoUsedLastAndUnloadsTheOtherBeforeItLoads) {
  Tasks tasks(DeploymentKind::kSeparateLru, {"a", "b", "c"});
  EXPECT_EQ(tasks.load(1), (Journal{"open a", "load a", "open b", "load b"}));
  EXPECT_EQ(tasks.invoke(), Journal{"invoke b"});
  EXPECT_EQ(tasks.switch_to(0), Journal{});
  EXPECT_EQ(tasks.invoke(), Journal{"invoke a"});
  EXPECT_EQ(tasks.switch_to(2), (Journal{"unload b", "close b", "open c", "load c"}));
  EXPECT_EQ(tasks.switch_to(0), Journal{});
  EXPECT_EQ(tasks.unload(), (Journal{"unload a", "close a", "unload c", "close c"}));
}

TEST(SeparateLru, WithRoomForAllLoadsEachOnce) {
  Tasks tasks(DeploymentKind::kSeparateLru);
  EXPECT_EQ(tasks.load(0), (Journal{"open b", "load b", "open a", "load a"}));
  EXPECT_EQ(tasks.switch_to(1), Journal{});
  EXPECT_EQ(tasks.switch_to(0), Journal{});
}

TEST(EveryDeployment, HandsOnWhatTheRuntimeReports) {
  for (const auto kind : {DeploymentKind::kJoint, DeploymentKind::kJointLazy,
                          DeploymentKind::kSeparateResident, DeploymentKind::kSeparateLru,
                          DeploymentKind::kSeparateSwap}) {
    Tasks tasks(kind);
    tasks.break_task(0);
    EXPECT_EQ(tasks.load_status().error().code, code::kLoadFailed);
  }
}

TEST(EveryDeployment, SplitsTheTimeOfASwitch) {
  RecordingBackend backend;
  RunSpec spec;
  spec.deployment = DeploymentKind::kSeparateSwap;
  spec.tasks.resize(2);
  const std::vector<ModelFile> files{{"a", ""}, {"b", ""}};
  const auto swap = make_deployment(spec, backend, files);
  Split load;
  ASSERT_TRUE(swap->load(0, load).ok());
  Split split;
  ASSERT_TRUE(swap->switch_to(1, split).ok());
  EXPECT_GT(split.unload_ns, 0);
  EXPECT_GT(split.open_ns, 0);
  EXPECT_GT(split.prepare_ns, 0);
}

}  // namespace
}  // namespace taskzip
