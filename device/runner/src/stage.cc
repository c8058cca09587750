#include "stage.h"

#include <set>

#include "packed_cache.h"
#include "page_cache.h"

namespace taskzip {

std::size_t Stage::initial_task() const {
  const std::size_t first = spec.sequence.empty() ? 0 : spec.sequence.front();
  const std::size_t count = spec.tasks.size();
  return spec.sequence.empty() ? 0 : (first + count - 1) % count;
}

Result<double> Stage::settle_cache(const std::vector<std::string>& paths) const {
  if (spec.cache == CacheState::kCold) {
    TASKZIP_TRY(evict(paths));
    return resident_fraction(paths);
  }
  auto fraction = resident_fraction(paths);
  if (spec.cache == CacheState::kWarm && fraction.ok() && fraction.value() < 1) {
    // LiteRT drops a model's pages itself once it has packed the weights.
    TASKZIP_TRY(read_through(paths));
    return resident_fraction(paths);
  }
  return fraction;
}

std::vector<std::string> Stage::all_paths() const {
  std::set<std::string> paths;
  for (const ModelFile& file : files) {
    for (const std::string& path : files_read_by(file)) {
      paths.insert(path);
    }
  }
  return {paths.begin(), paths.end()};
}

}  // namespace taskzip
