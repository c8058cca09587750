#include "page_cache.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "codes.h"
#include "descriptor.h"

namespace taskzip {
namespace {

Descriptor open_for_reading(const std::string& path) {
  return Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

struct PageCount {
  std::size_t resident = 0;
  std::size_t total = 0;
};

Error missing(const std::string& path) {
  return Error{code::kFileMissing, path + ": " + std::strerror(errno)};
}

Result<PageCount> count_pages(const std::string& path) {
  const Descriptor file = open_for_reading(path);
  struct stat info {};
  if (!file.is_open() || fstat(file.get(), &info) != 0) {
    return missing(path);
  }
  const auto bytes = static_cast<std::size_t>(info.st_size);
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  PageCount count{0, (bytes + page - 1) / page};
  if (count.total == 0) {
    return count;
  }
  void* mapped = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file.get(), 0);
  if (mapped == MAP_FAILED) {
    return Error{code::kMeasureFailed, path + ": mmap: " + std::strerror(errno)};
  }
  std::vector<unsigned char> flags(count.total);
  const bool answered = mincore(mapped, bytes, flags.data()) == 0;
  munmap(mapped, bytes);
  if (!answered) {
    return Error{code::kMeasureFailed, path + ": mincore: " + std::strerror(errno)};
  }
  count.resident = static_cast<std::size_t>(
      std::count_if(flags.begin(), flags.end(), [](unsigned char flag) { return flag & 1; }));
  return count;
}

}  // namespace

Status evict(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    const Descriptor file = open_for_reading(path);
    if (!file.is_open()) {
      return missing(path);
    }
    fdatasync(file.get());  // dirty pages of a packed cache just written would stay
    posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  }
  return {};
}

Status read_through(const std::vector<std::string>& paths) {
  std::vector<char> block(std::size_t{64} << 10);
  for (const std::string& path : paths) {
    const Descriptor file = open_for_reading(path);
    if (!file.is_open()) {
      return missing(path);
    }
    while (read(file.get(), block.data(), block.size()) > 0) {
    }
  }
  return {};
}

Result<double> resident_fraction(const std::vector<std::string>& paths) {
  PageCount all;
  for (const std::string& path : paths) {
    auto count = count_pages(path);
    TASKZIP_TRY(count);
    all.resident += count.value().resident;
    all.total += count.value().total;
  }
  return all.total == 0 ? 1.0 : static_cast<double>(all.resident) / static_cast<double>(all.total);
}

}  // namespace taskzip
