// A runtime that computes nothing and writes down what it is asked to do.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend.h"
#include "codes.h"

namespace taskzip {

using Journal = std::vector<std::string>;

class RecordingEntry : public Entry {
 public:
  RecordingEntry(Journal& journal, std::string name)
      : journal_(journal), name_(std::move(name)) {}
  ~RecordingEntry() override { journal_.push_back("unload " + name_); }

  Status write_inputs(const std::vector<Bytes>&) override { return {}; }
  Status invoke() override {
    journal_.push_back("invoke " + name_);
    return {};
  }
  Status read_outputs(std::vector<Bytes>&) override { return {}; }

 private:
  Journal& journal_;
  std::string name_;
};

class RecordingModel : public Model {
 public:
  RecordingModel(Journal& journal, std::string path) : journal_(journal), path_(std::move(path)) {}
  ~RecordingModel() override { journal_.push_back("close " + path_); }

  Result<std::unique_ptr<Entry>> load(const TaskSpec& task) override {
    if (task.entry == "broken") {
      return Error{code::kLoadFailed, "broken on purpose"};
    }
    journal_.push_back("load " + task.entry);
    return std::unique_ptr<Entry>(std::make_unique<RecordingEntry>(journal_, task.entry));
  }

 private:
  Journal& journal_;
  std::string path_;
};

class RecordingBackend : public Backend {
 public:
  Result<std::unique_ptr<Model>> open(const ModelFile& file) override {
    journal_.push_back("open " + file.path);
    return std::unique_ptr<Model>(std::make_unique<RecordingModel>(journal_, file.path));
  }
  const char* version() const override { return "0"; }

  // What happened since the last call.
  Journal take_journal() { return std::exchange(journal_, {}); }

 private:
  Journal journal_;
};

}  // namespace taskzip
