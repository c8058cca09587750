#include "executorch/placeholder.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace taskzip {

void* make_placeholder(std::size_t bytes) {
  void* const memory =
      mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

// A page that was read has the kernel's page of zeros behind it, and counts as resident.
bool was_read(void* placeholder, std::size_t bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> resident((bytes + page - 1) / page);
  if (mincore(placeholder, bytes, resident.data()) != 0) {
    return true;
  }
  return std::any_of(resident.begin(), resident.end(), [](unsigned char each) { return each & 1; });
}

void release_placeholder(void* placeholder, std::size_t bytes) { munmap(placeholder, bytes); }

}  // namespace taskzip
