// What ExecuTorch's XNNPACK delegate is told when a method is loaded.
#pragma once

#include <executorch/runtime/backend/backend_options_map.h>

#include <string>

namespace taskzip {

namespace et = ::executorch::runtime;

inline constexpr char kXnnpack[] = "XnnpackBackend";
inline constexpr int kShareWorkspaceGlobally = 2;  // WorkspaceSharingMode::Global

// XNNPACK's settings for one file. Weights are packed once however many methods use them, and all
// delegates share one workspace, since the runner runs one task at a time.
class DelegateOptions {
 public:
  // `packed_path`: file of the packed-weight cache; empty: packed weights stay in memory.
  explicit DelegateOptions(const std::string& packed_path) {
    bool fits = options_.set_option("weight_cache_enabled", true) == et::Error::Ok &&
                options_.set_option("workspace_sharing_mode", kShareWorkspaceGlobally) ==
                    et::Error::Ok;
    if (!packed_path.empty()) {
      fits = fits &&
             options_.set_option("packed_cache_path", packed_path.c_str()) == et::Error::Ok &&
             options_.set_option("save_weight_cache_on_disk", true) == et::Error::Ok;
    }
    is_valid_ = fits && packed_path.size() < et::kMaxOptionValueLength &&
                map_.set_options(kXnnpack, options_.view()) == et::Error::Ok;
  }
  DelegateOptions(const DelegateOptions&) = delete;
  DelegateOptions& operator=(const DelegateOptions&) = delete;

  bool is_valid() const { return is_valid_; }
  const et::LoadBackendOptionsMap& map() const { return map_; }

 private:
  et::BackendOptions<4> options_;
  et::LoadBackendOptionsMap map_;
  bool is_valid_ = false;
};

}  // namespace taskzip
