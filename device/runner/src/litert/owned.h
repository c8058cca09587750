// Handles of LiteRT's C API that release themselves.
#pragma once

#include <utility>

#include "litert/litert_c_api.h"

namespace taskzip {

// A handle of the C API and the function that releases it.
template <class Handle, void (*Release)(Handle)>
class Owned {
 public:
  Owned() = default;
  explicit Owned(Handle handle) : handle_(handle) {}
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Owned() {
    if (handle_ != nullptr) {
      Release(handle_);
    }
  }
  Handle get() const { return handle_; }
  Handle* receive() { return &handle_; }

 private:
  Handle handle_ = nullptr;
};

using OwnedEnvironment = Owned<LiteRtEnvironment, LiteRtDestroyEnvironment>;
using OwnedModel = Owned<LiteRtModel, LiteRtDestroyModel>;
using OwnedOptions = Owned<LiteRtOptions, LiteRtDestroyOptions>;
using OwnedCompiled = Owned<LiteRtCompiledModel, LiteRtDestroyCompiledModel>;
using OwnedBuffer = Owned<LiteRtTensorBuffer, LiteRtDestroyTensorBuffer>;

}  // namespace taskzip
