// Inputs as ExecuTorch wants them.
#pragma once

#include <executorch/runtime/core/evalue.h>
#include <executorch/runtime/core/exec_aten/exec_aten.h>

#include <cstdint>
#include <vector>

#include "files.h"
#include "spec.h"

namespace taskzip {

namespace et = ::executorch::runtime;

inline et::etensor::ScalarType scalar_type(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return et::etensor::ScalarType::Float;
    case DType::kFloat16:
      return et::etensor::ScalarType::Half;
    case DType::kInt64:
      return et::etensor::ScalarType::Long;
    case DType::kInt32:
      return et::etensor::ScalarType::Int;
    case DType::kInt8:
      return et::etensor::ScalarType::Char;
    case DType::kUInt8:
      return et::etensor::ScalarType::Byte;
    case DType::kBool:
      return et::etensor::ScalarType::Bool;
  }
  return et::etensor::ScalarType::Undefined;
}

// A tensor whose data the caller of write_inputs owns.
class InputTensor {
 public:
  explicit InputTensor(const TensorSpec& spec)
      : sizes_(spec.shape.begin(), spec.shape.end()),
        order_(sizes_.size()),
        strides_(sizes_.size()),
        impl_(layout(spec)) {}
  InputTensor(const InputTensor&) = delete;
  InputTensor& operator=(const InputTensor&) = delete;

  et::EValue with_data(const Bytes& bytes) {
    impl_.set_data(const_cast<unsigned char*>(bytes.data()));
    return et::EValue(et::etensor::Tensor(&impl_));
  }

 private:
  et::etensor::TensorImpl layout(const TensorSpec& spec) {
    std::int32_t stride = 1;
    for (std::size_t i = sizes_.size(); i-- > 0;) {
      order_[i] = static_cast<std::uint8_t>(i);
      strides_[i] = stride;
      stride *= sizes_[i];
    }
    return {scalar_type(spec.dtype), static_cast<ssize_t>(sizes_.size()),
            sizes_.data(),           nullptr,
            order_.data(),           strides_.data()};
  }

  std::vector<std::int32_t> sizes_;
  std::vector<std::uint8_t> order_;
  std::vector<std::int32_t> strides_;
  et::etensor::TensorImpl impl_;
};

}  // namespace taskzip
