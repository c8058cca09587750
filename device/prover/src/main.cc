// Proves files as they arrive: `taskzip-prover FOLDER PART [NAME START BYTES]...`.
//
// Says `ready`; of each that has arrived, in their order, `NAME INODE BYTES MODIFIED_NS HASH`; and,
// after all got their names from the host, `settled` when all are on the flash.
#include <fcntl.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "follow.h"

namespace {

constexpr int kFirst = 3, kWords = 3;
constexpr int kFailed = 1, kBadUsage = 2;

int tell(const taskzip::Error& error) {
  std::fprintf(stderr, "%s: %s\n", error.code.c_str(), error.message.c_str());
  return kFailed;
}

void print(const std::string& name, const taskzip::Proof& proof) {
  std::printf("%s %" PRIu64 " %" PRIu64 " %" PRId64 " %s\n", name.c_str(), proof.inode, proof.bytes,
              proof.modified_ns, proof.hash.c_str());
}

int say(const char* word) {
  std::puts(word);
  return std::fflush(stdout) == 0 ? 0 : kFailed;
}

int settle(int folder, const std::vector<taskzip::Proof>& proofs) {
  syncfs(folder);  // sooner than one file after the other; the rest tells whether it worked
  for (const auto& proof : proofs) {
    if (const auto settled = taskzip::settle(proof); !settled.ok()) {
      return tell(settled.error());
    }
  }
  return say("settled");
}

int prove(int folder, const std::vector<taskzip::Coming>& files) {
  std::vector<taskzip::Proof> proofs;
  for (const auto& coming : files) {
    auto proof = taskzip::follow(folder, coming);
    if (!proof.ok()) {
      return tell(proof.error());
    }
    proofs.push_back(proof.take());
    print(coming.name, proofs.back());
  }
  std::fflush(stdout);
  for (const auto& coming : files) {
    if (const auto named = taskzip::await_named(folder, coming); !named.ok()) {
      return tell(named.error());
    }
  }
  return settle(folder, proofs);
}

}  // namespace

int main(int count, char** words) {
  const int folder = count < kFirst ? -1 : open(words[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0 || (count - kFirst) % kWords != 0) {
    std::fprintf(stderr, "usage: taskzip-prover FOLDER PART [NAME START BYTES]...\n");
    return kBadUsage;
  }
  std::vector<taskzip::Coming> files;
  for (int at = kFirst; at < count; at += kWords) {
    const auto start = std::strtoull(words[at + 1], nullptr, 10);
    const auto bytes = std::strtoull(words[at + 2], nullptr, 10);
    files.push_back({words[at], words[2], start, bytes});
  }
  const int said = say("ready");
  return said == 0 ? prove(folder, files) : said;
}
