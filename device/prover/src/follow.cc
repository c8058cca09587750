#include "follow.h"

#define XXH_INLINE_ALL
#include <fcntl.h>
#include <sys/stat.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

namespace taskzip {
namespace {

constexpr char kMissing[] = "file_missing";
constexpr char kWriteFailed[] = "write_failed";
constexpr std::size_t kChunkBytes = std::size_t{256} << 10;
// How long to sleep until there is more. Rarely enough: each change between two programs is dear
// where a processor is emulated, and takes it from the one that writes. Soon enough at the end, and
// before memory is needed for other things.
constexpr std::int64_t kShortNapNs = 20'000'000, kLongNapNs = 500'000'000;
constexpr mode_t kMode = 0755;

Error failed(const char* code, const std::string& name) {
  return Error{code, name + ": " + std::strerror(errno)};
}

Status nap(const Claim& claim, std::int64_t nanoseconds) {
  const timespec moment{0, static_cast<long>(nanoseconds)};
  nanosleep(&moment, nullptr);
  return claim.check();
}

std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

// Until all is there, if the rest comes as what came.
std::int64_t nap_ns(std::int64_t began_ns, std::uint64_t done, std::uint64_t bytes) {
  if (done == 0) {
    return kShortNapNs;
  }
  const auto took = static_cast<double>(now_ns() - began_ns);
  const double rest = took * static_cast<double>(bytes - done) / static_cast<double>(done);
  return static_cast<std::int64_t>(std::clamp<double>(rest, kShortNapNs, kLongNapNs));
}

Result<Descriptor> await_file(const Claim& claim, const std::string& name) {
  for (;;) {
    Descriptor file(openat(claim.folder(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file.is_open()) {
      return file;
    }
    if (errno != ENOENT) {
      return failed(kMissing, name);
    }
    TASKZIP_TRY(nap(claim, kShortNapNs));
  }
}

std::string partial_name(const Coming& coming) { return coming.name + ".partial"; }

// The file that holds the bytes in the end, opened; what arrives whole gets its name. That may be
// this program, which runs, and is not opened to be written.
Result<Descriptor> open_whole(int folder, const Coming& coming, const std::string& part) {
  const std::string whole = partial_name(coming);
  if (coming.start == 0 && renameat(folder, part.c_str(), folder, whole.c_str()) != 0) {
    return failed(kMissing, part);
  }
  const int access = coming.start == 0 ? O_RDONLY : O_WRONLY | O_APPEND;
  Descriptor file(openat(folder, whole.c_str(), access | O_CLOEXEC | O_NOFOLLOW));
  struct stat info {};
  if (!file.is_open() || fstat(file.get(), &info) != 0) {
    return failed(kMissing, whole);
  }
  if (coming.start != 0 && static_cast<std::uint64_t>(info.st_size) != coming.start) {
    return Error{kMissing, whole + " has another length"};
  }
  return file;
}

Status append(int fd, const char* data, std::size_t bytes) {
  while (bytes > 0) {
    const ssize_t wrote = write(fd, data, bytes);
    if (wrote < 0) {
      return failed(kWriteFailed, "the flash");
    }
    data += wrote;
    bytes -= static_cast<std::size_t>(wrote);
  }
  return {};
}

// Moves what is read on to `whole` where that is another file, and frees it behind.
Status move_on(int part, int whole, const char* data, std::size_t bytes, std::uint64_t end) {
  TASKZIP_TRY(append(whole, data, bytes));
  const auto length = static_cast<off_t>(end);
  fallocate(part, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, length);  // where it can
  return {};
}

std::string hexadecimal(XXH64_hash_t hash) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(hash));
  return text.data();
}

// Hashes the file up to `bytes`, waiting for what is not there yet.
Result<std::string> take(const Claim& claim, int part, int whole, bool is_moved,
                         std::uint64_t bytes) {
  alignas(64) static std::array<char, kChunkBytes> chunk;
  XXH64_state_t state;
  XXH64_reset(&state, 0);
  const std::int64_t began_ns = now_ns();
  std::uint64_t done = 0;
  while (done < bytes) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kChunkBytes, bytes - done));
    const ssize_t got = pread(part, chunk.data(), wanted, static_cast<off_t>(done));
    if (got < 0) {
      return failed(kMissing, "what arrives");
    }
    const auto count = static_cast<std::size_t>(got);
    XXH64_update(&state, chunk.data(), count);
    done += count;
    if (is_moved && count > 0) {
      TASKZIP_TRY(move_on(part, whole, chunk.data(), count, done));
    }
    if (count < wanted) {
      TASKZIP_TRY(nap(claim, nap_ns(began_ns, done, bytes)));
    }
  }
  return hexadecimal(XXH64_digest(&state));
}

}  // namespace

Claim::Claim(int folder, std::string name)
    : folder_(folder), name_(std::move(name)), parent_(getppid()) {
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  Descriptor(openat(folder_, name_.c_str(), flags, 0600));
}

Claim::~Claim() { unlinkat(folder_, name_.c_str(), 0); }

Status Claim::check() const {
  if (getppid() != parent_) {
    return Error{"run_alone", "the connection has ended"};
  }
  if (faccessat(folder_, name_.c_str(), F_OK, 0) != 0) {
    return Error{"run_alone", "another push has begun"};
  }
  return {};
}

Result<Proof> follow(const Claim& claim, const Coming& coming) {
  const int folder = claim.folder();
  const std::string name = coming.name + "." + coming.part;
  auto arriving = await_file(claim, name);
  TASKZIP_TRY(arriving);
  const Descriptor part = arriving.take();
  auto opened = open_whole(folder, coming, name);
  TASKZIP_TRY(opened);
  Descriptor whole = opened.take();
  const bool is_moved = coming.start != 0;
  auto hash = take(claim, part.get(), whole.get(), is_moved, coming.bytes - coming.start);
  TASKZIP_TRY(hash);
  struct stat info {};
  if (fstat(whole.get(), &info) != 0) {
    return failed(kMissing, coming.name);
  }
  if (is_moved) {
    unlinkat(folder, name.c_str(), 0);
  }
  const auto modified = info.st_mtim.tv_sec * std::int64_t{1'000'000'000} + info.st_mtim.tv_nsec;
  const auto bytes = static_cast<std::uint64_t>(info.st_size);
  return Proof{std::move(whole), info.st_ino, bytes, modified, hash.take()};
}

Status name(const Claim& claim, const Coming& coming, const Proof& proof) {
  TASKZIP_TRY(claim.check());
  const int folder = claim.folder();
  const std::string partial = partial_name(coming);
  if (fchmod(proof.file.get(), kMode) != 0 ||
      renameat(folder, partial.c_str(), folder, coming.name.c_str()) != 0) {
    return failed(kMissing, partial);
  }
  return {};
}

Status settle(const Proof& proof) {
  return fdatasync(proof.file.get()) == 0 ? Status() : failed(kWriteFailed, "the flash");
}

}  // namespace taskzip
