// A file that another program is writing: hashed while it grows, then written to the flash.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "descriptor.h"
#include "result.h"

namespace taskzip {

// What arrives as `<name>.<part>`: the bytes of `<name>.partial` from `start` on, up to `bytes`.
struct Coming {
  std::string name;
  std::string part;
  std::uint64_t start;
  std::uint64_t bytes;
};

// `<name>.partial` as it was when all of it had arrived.
struct Proof {
  Descriptor file;
  std::uint64_t inode;
  std::uint64_t bytes;
  std::int64_t modified_ns;
  std::string hash;  // XXH64 of what arrived
};

// A file that says whose turn it is. A push begins by removing what has no place in the folder, and
// with it the claim of a prover whose connection ended unnoticed: that one must take, and name,
// nothing more.
class Claim {
 public:
  Claim(int folder, std::string name);
  ~Claim();
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  int folder() const { return folder_; }

  // @retval run_alone  the claim is gone, or the process that started this one
  Status check() const;

 private:
  int folder_;
  std::string name_;
  pid_t parent_;
};

// Waits for the file, gives it the name `<name>.partial` or, where there is a beginning, appends it
// to that, and returns once all bytes were hashed. The kernel writes them to the flash meanwhile as
// it sees fit: waiting for that here, the hash would fall behind what memory can keep.
//
// Renamed while its writer has it open, it is the writer's no more: adbd removes by name what broke
// off, so what had arrived stays.
// @retval file_missing  a file is not there any more, or the beginning has another length
// @retval write_failed  the beginning takes no more
// @retval run_alone     nobody waits for it any more
Result<Proof> follow(const Claim& claim, const Coming& coming);

// Gives `<name>.partial`, which has all arrived, the name that was promised for it, and the mode of
// what may be run. Nothing vouches for it yet: the host compares the hash, and takes damage away.
// @retval file_missing  it is not there any more
// @retval run_alone     nobody waits for it any more
Status name(const Claim& claim, const Coming& coming, const Proof& proof);

// Returns once all of the file is on the flash, whatever its name is by then.
// @retval write_failed  it could not be written
Status settle(const Proof& proof);

}  // namespace taskzip
