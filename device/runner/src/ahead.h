// Which bytes of a model file are read before they are used.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace taskzip {

struct Range {
  std::size_t offset = 0;
  std::size_t bytes = 0;
};

// While a task is loaded, its runtime first asks for all parts of the file that the task needs and
// then packs them one by one. A fault that begins to read a part waits for the flash, and reads as
// much before it as behind. So the beginning is read as soon as it is asked for, unless a loaded task
// has the part: that one is packed already and will not be touched.
class Ahead {
 public:
  // No more is read ahead for a task: from there on faults follow each other, and the system reads
  // ahead of them in step with the packing, which many requests at once would hold up.
  static constexpr std::size_t kMostBytes = std::size_t{160} << 10;
  // Less than that costs a flash as much, so what is read ends at a multiple of it.
  static constexpr std::size_t kFlashPageBytes = std::size_t{16} << 10;

  // Where the parts begin that a task asked for.
  using Parts = std::vector<std::size_t>;

  // What is asked for from now on is a new task's, which is loaded for as long as the answer lives.
  std::shared_ptr<Parts> begin_task();

  // What to read for a part; nothing of what was told for the part before, which it may touch.
  Range ask(std::size_t offset, std::size_t bytes);

 private:
  bool is_held(std::size_t offset) const;
  Range beyond_told(std::size_t offset, std::size_t bytes);

  std::vector<std::weak_ptr<Parts>> tasks_;  // the last one is being loaded
  std::size_t end_ = 0;                      // of what was told last
  std::size_t told_bytes_ = 0;               // for this task
};

}  // namespace taskzip
