#include "executorch/ahead_loader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace taskzip {
namespace {

// Linux reads no more at one call than it reads ahead of faults by default.
constexpr std::size_t kMostOfACall = std::size_t{128} << 10;

// A hint: where the system does not take it, nothing is lost but time.
void read_ahead(int descriptor, Range range) {
  for (std::size_t done = 0; done < range.bytes; done += kMostOfACall) {
    posix_fadvise(descriptor, static_cast<off_t>(range.offset + done),
                  static_cast<off_t>(std::min(kMostOfACall, range.bytes - done)),
                  POSIX_FADV_WILLNEED);
  }
}

}  // namespace

AheadLoader::AheadLoader(::executorch::extension::MmapDataLoader loader, const std::string& path)
    : loader_(std::move(loader)), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}

AheadLoader::~AheadLoader() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

et::Result<et::FreeableBuffer> AheadLoader::load(std::size_t offset, std::size_t size,
                                                 const SegmentInfo& info) const {
  read_ahead(descriptor_, ahead_.ask(offset, size));
  return loader_.load(offset, size, info);
}

}  // namespace taskzip
