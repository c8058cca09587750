#include "deployment.h"

#include <algorithm>
#include <list>
#include <map>
#include <string>
#include <utility>

#include "clock.h"

namespace taskzip {
namespace {

// Adds the time from its construction to its destruction to a total.
class Stopwatch {
 public:
  explicit Stopwatch(std::int64_t& total) : total_(total), start_(now_ns()) {}
  ~Stopwatch() { total_ += now_ns() - start_; }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  std::int64_t& total_;
  std::int64_t start_;
};

// What the policies have in common: the arguments, and two timed steps.
class Policy : public Deployment {
 public:
  Policy(Backend& backend, const std::vector<TaskSpec>& tasks, const std::vector<ModelFile>& files)
      : backend_(backend), tasks_(tasks), files_(files) {}

 protected:
  Result<std::unique_ptr<Model>> open(std::size_t task, Split& split) {
    const Stopwatch watch(split.open_ns);
    return backend_.open(files_[task]);
  }

  Result<std::unique_ptr<Entry>> prepare(Model& model, std::size_t task, Split& split) {
    const Stopwatch watch(split.prepare_ns);
    return model.load(tasks_[task]);
  }

  std::size_t task_count() const { return tasks_.size(); }
  const std::string& path(std::size_t task) const { return files_[task].path; }

 private:
  Backend& backend_;
  const std::vector<TaskSpec>& tasks_;
  const std::vector<ModelFile>& files_;
};

// joint and separate-resident: every task is loaded, a switch picks from a table.
class Resident : public Policy {
 public:
  using Policy::Policy;

  Status load(std::size_t initial, Split& split) override {
    for (std::size_t task = 0; task < task_count(); ++task) {
      auto& model = models_[path(task)];
      if (model == nullptr) {
        auto opened = open(task, split);
        TASKZIP_TRY(opened);
        model = opened.take();
      }
      auto entry = prepare(*model, task, split);
      TASKZIP_TRY(entry);
      entries_.push_back(entry.take());
    }
    current_ = entries_[initial].get();
    return {};
  }

  Status switch_to(std::size_t task, Split&) override {
    current_ = entries_[task].get();
    return {};
  }

  Entry& current() override { return *current_; }
  bool is_resident() const override { return true; }

  void unload() override {
    entries_.clear();
    models_.clear();
  }

 private:
  std::map<std::string, std::unique_ptr<Model>> models_;
  std::vector<std::unique_ptr<Entry>> entries_;
  Entry* current_ = nullptr;
};

// One file is open and one task is loaded at a time.
class OneLoaded : public Policy {
 public:
  using Policy::Policy;

  Entry& current() override { return *entry_; }
  bool is_resident() const override { return false; }

  void unload() override {
    entry_.reset();
    model_.reset();
  }

 protected:
  std::unique_ptr<Model> model_;
  std::unique_ptr<Entry> entry_;
};

// joint-lazy: the file stays open, one task is loaded. The next task is loaded before the last one
// goes, so that packed weights which both use keep a user and are not packed again.
class Lazy : public OneLoaded {
 public:
  using OneLoaded::OneLoaded;

  Status load(std::size_t initial, Split& split) override {
    auto opened = open(initial, split);
    TASKZIP_TRY(opened);
    model_ = opened.take();
    return switch_to(initial, split);
  }

  Status switch_to(std::size_t task, Split& split) override {
    auto next = prepare(*model_, task, split);
    TASKZIP_TRY(next);
    const Stopwatch watch(split.unload_ns);
    entry_ = next.take();
    return {};
  }
};

// separate-swap: one file is open, one task is loaded; both go before the next come.
class Swap : public OneLoaded {
 public:
  using OneLoaded::OneLoaded;

  Status load(std::size_t initial, Split& split) override { return switch_to(initial, split); }

  Status switch_to(std::size_t task, Split& split) override {
    {
      const Stopwatch watch(split.unload_ns);
      unload();
    }
    auto opened = open(task, split);
    TASKZIP_TRY(opened);
    model_ = opened.take();
    auto entry = prepare(*model_, task, split);
    TASKZIP_TRY(entry);
    entry_ = entry.take();
    return {};
  }
};

// separate-lru: the k files used last are open with their task loaded. Where they are k already, the
// one that was used least recently goes before the next comes.
class Lru : public Policy {
 public:
  Lru(Backend& backend, const std::vector<TaskSpec>& tasks, const std::vector<ModelFile>& files,
      std::size_t k)
      : Policy(backend, tasks, files), k_(k) {}

  // As the others begin with what they keep loaded, this begins with k tasks, `initial` used last.
  Status load(std::size_t initial, Split& split) override {
    const std::size_t count = task_count();
    for (std::size_t back = std::min(k_, count); back-- > 0;) {
      TASKZIP_TRY(switch_to((initial + count - back) % count, split));
    }
    return {};
  }

  Status switch_to(std::size_t task, Split& split) override {
    for (auto it = used_.begin(); it != used_.end(); ++it) {
      if (it->task == task) {
        used_.splice(used_.begin(), used_, it);
        return {};
      }
    }
    if (used_.size() == k_) {
      const Stopwatch watch(split.unload_ns);
      used_.pop_back();
    }
    return load_first(task, split);
  }

  Entry& current() override { return *used_.front().entry; }
  bool is_resident() const override { return false; }
  void unload() override { used_.clear(); }

 private:
  struct Loaded {
    std::size_t task;
    std::unique_ptr<Model> model;
    std::unique_ptr<Entry> entry;  // last, so that it is destroyed before its model
  };

  Status load_first(std::size_t task, Split& split) {
    auto model = open(task, split);
    TASKZIP_TRY(model);
    auto entry = prepare(*model.value(), task, split);
    TASKZIP_TRY(entry);
    used_.push_front({task, model.take(), entry.take()});
    return {};
  }

  std::size_t k_;
  std::list<Loaded> used_;  // the one used last first
};

}  // namespace

std::unique_ptr<Deployment> make_deployment(const RunSpec& spec, Backend& backend,
                                            const std::vector<ModelFile>& files) {
  switch (spec.deployment) {
    case DeploymentKind::kJointLazy:
      return std::make_unique<Lazy>(backend, spec.tasks, files);
    case DeploymentKind::kSeparateLru:
      return std::make_unique<Lru>(backend, spec.tasks, files, spec.lru_k);
    case DeploymentKind::kSeparateSwap:
      return std::make_unique<Swap>(backend, spec.tasks, files);
    default:
      return std::make_unique<Resident>(backend, spec.tasks, files);
  }
}

}  // namespace taskzip
