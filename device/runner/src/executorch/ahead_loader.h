// A program's file, mapped as ExecuTorch's MmapDataLoader maps it, and read ahead.
#pragma once

#include <executorch/extension/data_loader/mmap_data_loader.h>

#include <cstddef>
#include <memory>
#include <string>

#include "ahead.h"

namespace taskzip {

namespace et = ::executorch::runtime;

class AheadLoader final : public et::DataLoader {
 public:
  // The file's path is used now alone.
  AheadLoader(::executorch::extension::MmapDataLoader loader, const std::string& path);
  ~AheadLoader() override;
  AheadLoader(const AheadLoader&) = delete;
  AheadLoader& operator=(const AheadLoader&) = delete;

  // As Ahead's.
  std::shared_ptr<Ahead::Parts> begin_task() { return ahead_.begin_task(); }

  et::Result<et::FreeableBuffer> load(std::size_t offset, std::size_t size,
                                      const SegmentInfo& info) const override;
  et::Error load_into(std::size_t offset, std::size_t size, const SegmentInfo& info,
                      void* buffer) const override {
    return loader_.load_into(offset, size, info, buffer);
  }
  et::Result<std::size_t> size() const override { return loader_.size(); }

 private:
  ::executorch::extension::MmapDataLoader loader_;
  int descriptor_;
  mutable Ahead ahead_;
};

}  // namespace taskzip
