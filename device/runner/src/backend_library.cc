#include "backend_library.h"

#include <dlfcn.h>

#include <string>

#include "codes.h"

namespace taskzip {

Result<std::unique_ptr<Backend>> load_backend(Runtime runtime, int threads) {
  const std::string file = std::string("libtaskzip_") + name_of(runtime) + ".so";
  void* library = dlopen(file.c_str(), RTLD_LAZY | RTLD_GLOBAL);
  if (library == nullptr) {
    return Error{code::kRuntimeMissing, dlerror()};
  }
  using Create = decltype(&taskzip_create_backend);
  const auto create = reinterpret_cast<Create>(dlsym(library, "taskzip_create_backend"));
  if (create == nullptr) {
    return Error{code::kRuntimeMissing, file + " is not a backend: " + dlerror()};
  }
  Error error;
  std::unique_ptr<Backend> backend(create(threads, &error));
  if (backend == nullptr) {
    return error;
  }
  return backend;
}

}  // namespace taskzip
