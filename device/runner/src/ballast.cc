#include "ballast.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdint>

#include "codes.h"

namespace taskzip {
namespace {

constexpr std::size_t kMostMebibytes = std::size_t{1} << 20;
constexpr std::size_t kMebibyte = std::size_t{1} << 20;

// Marsaglia's xorshift64 (2003): every word differs from its neighbours.
void fill_with_noise(unsigned char* pages, std::size_t bytes) {
  auto* words = reinterpret_cast<std::uint64_t*>(pages);
  std::uint64_t state = 88172645463325252u;
  for (std::size_t at = 0; at < bytes / sizeof *words; ++at) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    words[at] = state;
  }
}

bool spare_this_process() {
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  constexpr std::string_view kNever = "-1000";
  const bool is_spared =
      fd >= 0 && write(fd, kNever.data(), kNever.size()) == static_cast<ssize_t>(kNever.size());
  if (fd >= 0) {
    close(fd);
  }
  return is_spared;
}

}  // namespace

Result<std::size_t> parse_mebibytes(std::string_view text) {
  std::size_t mebibytes = 0;
  const auto [rest, failed] = std::from_chars(text.data(), text.data() + text.size(), mebibytes);
  if (failed != std::errc() || rest != text.data() + text.size() || mebibytes == 0 ||
      mebibytes > kMostMebibytes) {
    return Error{code::kBadUsage, "ballast is whole mebibytes, not " + std::string(text)};
  }
  return mebibytes * kMebibyte;
}

Result<Ballast> take_ballast(std::size_t bytes) {
  Ballast ballast;
  ballast.is_spared = spare_this_process();
  void* pages =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) {
    return Error{code::kNoMemory, std::to_string(bytes) + " bytes of ballast cannot be mapped"};
  }
  ballast.pages = static_cast<unsigned char*>(pages);
  ballast.bytes = bytes;
  fill_with_noise(ballast.pages, bytes);
  ballast.is_locked = mlock(pages, bytes) == 0;
  return ballast;
}

std::string ballast_line(const Ballast& ballast) {
  const auto word = [](bool is_so) { return is_so ? "true" : "false"; };
  return "{\"ballast_bytes\":" + std::to_string(ballast.bytes) +
         ",\"is_locked\":" + word(ballast.is_locked) +
         ",\"is_spared\":" + word(ballast.is_spared) + "}\n";
}

void end_with_parent() {
  const pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) {  // it ended before the call
    _exit(0);
  }
}

}  // namespace taskzip
