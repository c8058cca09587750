// The part of ExecuTorch's thread pool that the runner calls. The 1.5.1 wheels ship the library
// and threadpool_guard.h, but not threadpool.h; these declarations stand in for it.
#pragma once

#include <cstdint>

namespace executorch::extension::threadpool {

class ThreadPool {
 public:
  // Replaces the pool by one of `threads` threads; nothing may run on it meanwhile.
  bool _unsafe_reset_threadpool(std::uint32_t threads);
};

// The process's pool, made on the first call.
ThreadPool* get_threadpool();

}  // namespace executorch::extension::threadpool
