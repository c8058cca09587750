// Whole files in, whole files out.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "result.h"

namespace taskzip {

using Bytes = std::vector<unsigned char>;

// The content of a file of at most `most_bytes`.
// @retval file_missing it cannot be opened or read
// @retval file_mismatch it is larger
Result<Bytes> read_file(const std::string& path, std::size_t most_bytes);

// A hash of a file's content, 16 hexadecimal digits; the file is read in small blocks. It tells
// one version of a file from another and a whole one from a damaged one, not friend from foe.
// @retval file_missing it cannot be opened or read
Result<std::string> file_hash(const std::string& path);

// Replaces a file; folders above it are made.
// @retval write_failed the device refuses, for example because it is full
Status write_file(const std::string& path, const Bytes& content);

// Makes a folder and those above it.
// @retval write_failed the device refuses
Status make_folder(const std::string& path);

// Size of a file; 0 if there is none.
std::size_t file_bytes(const std::string& path);

}  // namespace taskzip
