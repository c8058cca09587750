// Proves files as they arrive: `taskzip-prover FOLDER PART [NAME START BYTES]...`.
//
// Says `ready`, and for each file, in their order, `NAME INODE BYTES MODIFIED_NS HASH`.
#include <fcntl.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include "follow.h"

namespace {

constexpr int kFirst = 3, kWords = 3;
constexpr int kFailed = 1, kBadUsage = 2;

int prove(int folder, const taskzip::Coming& coming) {
  const auto proof = taskzip::follow(folder, coming);
  if (!proof.ok()) {
    std::fprintf(stderr, "%s: %s\n", proof.error().code.c_str(), proof.error().message.c_str());
    return kFailed;
  }
  const auto& said = proof.value();
  std::printf("%s %" PRIu64 " %" PRIu64 " %" PRId64 " %s\n", coming.name.c_str(), said.inode,
              said.bytes, said.modified_ns, said.hash.c_str());
  return std::fflush(stdout) == 0 ? 0 : kFailed;
}

}  // namespace

int main(int count, char** words) {
  const int folder = count < kFirst ? -1 : open(words[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0 || (count - kFirst) % kWords != 0) {
    std::fprintf(stderr, "usage: taskzip-prover FOLDER PART [NAME START BYTES]...\n");
    return kBadUsage;
  }
  std::printf("ready\n");
  std::fflush(stdout);
  for (int at = kFirst; at < count; at += kWords) {
    const auto start = std::strtoull(words[at + 1], nullptr, 10);
    const auto bytes = std::strtoull(words[at + 2], nullptr, 10);
    if (const int code = prove(folder, {words[at], words[2], start, bytes}); code != 0) {
      return code;
    }
  }
  return 0;
}
