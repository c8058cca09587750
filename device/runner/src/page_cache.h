// Whether a file's pages are in memory, and how to change that. Never called in a timed region.
#pragma once

#include <string>
#include <vector>

#include "result.h"

namespace taskzip {

// Asks the kernel to forget the clean pages of the files.
//
// posix_fadvise(DONTNEED) drops what drop_caches would drop of these files, needs no root and
// leaves the pages of everything else alone. Pages that a process has mapped and touched stay, as
// they do under drop_caches: callers report resident_fraction(), not their intention.
// @retval file_missing a file cannot be opened
Status evict(const std::vector<std::string>& paths);

// Reads the files through once, so that their pages are in memory.
// @retval file_missing a file cannot be read
Status read_through(const std::vector<std::string>& paths);

// Part of the files' pages that is in memory (mincore); 1 for no files.
// @retval measure_failed a file cannot be mapped or the kernel does not answer
Result<double> resident_fraction(const std::vector<std::string>& paths);

}  // namespace taskzip
