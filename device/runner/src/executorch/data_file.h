// The constants of a .pte that stand in a .ptd beside it.
#pragma once

#include <executorch/extension/data_loader/mmap_data_loader.h>
#include <executorch/extension/flat_tensor/flat_tensor_data_map.h>

#include <memory>
#include <string>
#include <utility>

#include "codes.h"
#include "result.h"

namespace taskzip {

namespace et = ::executorch::runtime;

// An open one; constants are mapped while a method that asks for them is loaded.
class DataFile {
 public:
  // @retval open_failed the file is missing or is no .ptd
  static Result<std::unique_ptr<DataFile>> open(const std::string& path) {
    using ::executorch::extension::FlatTensorDataMap;
    using ::executorch::extension::MmapDataLoader;
    auto loader = MmapDataLoader::from(path.c_str(), MmapDataLoader::MlockConfig::NoMlock);
    if (!loader.ok()) {
      return not_opened(path, loader.error());
    }
    std::unique_ptr<DataFile> file(new DataFile(std::move(loader.get())));
    auto map = FlatTensorDataMap::load(&file->loader_);
    if (!map.ok()) {
      return not_opened(path, map.error());
    }
    file->map_ = std::make_unique<FlatTensorDataMap>(std::move(map.get()));
    return file;
  }

  const et::NamedDataMap* constants() const { return map_.get(); }

 private:
  explicit DataFile(::executorch::extension::MmapDataLoader loader) : loader_(std::move(loader)) {}

  static Error not_opened(const std::string& path, et::Error error) {
    return Error{code::kOpenFailed,
                 path + ": ExecuTorch error " + std::to_string(static_cast<int>(error))};
  }

  ::executorch::extension::MmapDataLoader loader_;
  std::unique_ptr<::executorch::extension::FlatTensorDataMap> map_;
};

}  // namespace taskzip
