// Proves files as they arrive: `taskzip-prover FOLDER PART FORMAT [NAME START BYTES]...`.
//
// Says `ready`; of each that has arrived, in their order, `NAME INODE BYTES MODIFIED_NS HASH`; once
// all have their names, what `stat -c FORMAT` says of them; and `settled` when all are on the flash.
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "follow.h"

namespace {

constexpr int kFirst = 4, kWords = 3;
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

// By the device's own `stat`: what it says is compared with what it says later.
int say_states(int folder, char* format, const std::vector<taskzip::Coming>& files) {
  std::string program = "stat", option = "-c";
  std::vector<char*> words{program.data(), option.data(), format};
  std::vector<taskzip::Coming> named = files;
  for (auto& coming : named) {
    words.push_back(coming.name.data());
  }
  words.push_back(nullptr);
  pid_t child = 0;
  int ended = 0;
  if (fchdir(folder) != 0 ||
      posix_spawnp(&child, "stat", nullptr, nullptr, words.data(), environ) != 0 ||
      waitpid(child, &ended, 0) != child || ended != 0) {
    std::fprintf(stderr, "stat: cannot tell what has arrived\n");
    return kFailed;
  }
  return 0;
}

// All files are open until they are on the flash.
void allow_many_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

// Waits for the files, tells their hashes, and gives them their names.
int take(const taskzip::Claim& claim, const std::vector<taskzip::Coming>& files,
         std::vector<taskzip::Proof>& proofs) {
  for (const auto& coming : files) {
    auto proof = taskzip::follow(claim, coming);
    if (!proof.ok()) {
      return tell(proof.error());
    }
    proofs.push_back(proof.take());
    print(coming.name, proofs.back());
  }
  for (std::size_t at = 0; at < files.size(); ++at) {
    if (const auto named = taskzip::name(claim, files[at], proofs[at]); !named.ok()) {
      return tell(named.error());
    }
  }
  return 0;
}

int prove(int folder, const std::string& part, char* format,
          const std::vector<taskzip::Coming>& files) {
  std::vector<taskzip::Proof> proofs;
  {
    const taskzip::Claim claim(folder, part);
    if (const int failed = say("ready"); failed != 0) {
      return failed;
    }
    if (const int failed = take(claim, files, proofs); failed != 0) {
      return failed;
    }
  }
  std::fflush(stdout);
  if (const int failed = say_states(folder, format, files); failed != 0) {
    return failed;
  }
  return settle(folder, proofs);
}

}  // namespace

int main(int count, char** words) {
  const int folder = count < kFirst ? -1 : open(words[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0 || (count - kFirst) % kWords != 0) {
    std::fprintf(stderr, "usage: taskzip-prover FOLDER PART FORMAT [NAME START BYTES]...\n");
    return kBadUsage;
  }
  allow_many_files();
  std::vector<taskzip::Coming> files;
  for (int at = kFirst; at < count; at += kWords) {
    const auto start = std::strtoull(words[at + 1], nullptr, 10);
    const auto bytes = std::strtoull(words[at + 2], nullptr, 10);
    files.push_back({words[at], words[2], start, bytes});
  }
  return prove(folder, words[2], words[3], files);
}
