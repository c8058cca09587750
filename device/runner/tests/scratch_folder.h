// A folder for one test, removed at its end.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "files.h"

namespace taskzip {

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "taskzip-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  std::string path(const std::string& name) const { return path_ + "/" + name; }

  // Makes a file of `bytes` equal bytes; returns its path.
  std::string file(const std::string& name, std::size_t bytes, unsigned char value = 1) const {
    const Status written = write_file(path(name), Bytes(bytes, value));
    return written.ok() ? path(name) : "";
  }

 private:
  std::string path_;
};

}  // namespace taskzip
