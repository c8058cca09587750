#include "ahead.h"

#include <algorithm>

namespace taskzip {
namespace {

constexpr std::size_t kPageBytes = std::size_t{4} << 10;

}  // namespace

std::shared_ptr<Ahead::Parts> Ahead::begin_task() {
  tasks_.erase(std::remove_if(tasks_.begin(), tasks_.end(),
                              [](const auto& task) { return task.expired(); }),
               tasks_.end());
  auto parts = std::make_shared<Parts>();
  tasks_.push_back(parts);
  end_ = told_bytes_ = 0;
  return parts;
}

Range Ahead::ask(std::size_t offset, std::size_t bytes) {
  const auto task = tasks_.empty() ? nullptr : tasks_.back().lock();
  if (task == nullptr) {
    return {};
  }
  const bool held = is_held(offset);
  task->push_back(offset);
  return held ? Range{} : beyond_told(offset, bytes);
}

bool Ahead::is_held(std::size_t offset) const {
  return std::any_of(tasks_.begin(), tasks_.end(), [offset](const auto& task) {
    const auto parts = task.lock();
    return parts && std::find(parts->begin(), parts->end(), offset) != parts->end();
  });
}

Range Ahead::beyond_told(std::size_t offset, std::size_t bytes) {
  const bool touches = offset + kFlashPageBytes >= end_ && offset < end_ + kPageBytes;
  const std::size_t begin = touches ? end_ : offset / kPageBytes * kPageBytes;
  const std::size_t end = offset + bytes;
  if (end <= begin) {
    return {};
  }
  const std::size_t pages = (end - begin + kFlashPageBytes - 1) / kFlashPageBytes;
  const std::size_t told = std::min(pages * kFlashPageBytes, kMostBytes - told_bytes_);
  end_ = begin + told;
  told_bytes_ += told;
  return {begin, told};
}

}  // namespace taskzip
