#include "assemble.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "codes.h"

namespace taskzip {
namespace {

#if defined(__aarch64__)
using Half = __fp16;  // C++ has _Float16 there since GCC 13
#else
using Half = _Float16;
#endif

template <class T>
T sum(T one, T other) {
  return static_cast<T>(static_cast<float>(one) + static_cast<float>(other));
}

template <>
std::int8_t sum(std::int8_t one, std::int8_t other) {
  return static_cast<std::int8_t>(static_cast<unsigned>(one) + static_cast<unsigned>(other));
}

Status wrong(const std::string& block, const char* what) {
  return Error{code::kLoadFailed, "block " + block + " " + what};
}

// Lends `count` numbers of type T.
template <class T, class Use>
Status with_numbers(const LendBlock& lend, const std::string& block, std::size_t count,
                    const Use& use) {
  return lend(block, [&](const void* data, std::size_t bytes) -> Status {
    if (bytes != count * sizeof(T)) {
      return wrong(block, "has another size than its recipe says");
    }
    return use(static_cast<const T*>(data));
  });
}

template <class T>
class Assembly {
 public:
  Assembly(const Recipe& recipe, const LendBlock& lend, T* weights)
      : recipe_(recipe), lend_(lend), weights_(weights) {}

  Status operator()(const CopyStep& step) const {
    const std::size_t numbers = step.rows * recipe_.sizes[1] * step.columns;
    return with_numbers<T>(lend_, step.block, numbers, [&](const T* from) -> Status {
      for (std::size_t row = step.row; row < step.row + step.rows; ++row) {
        for (std::size_t tap = 0; tap < recipe_.sizes[1]; ++tap, from += step.columns) {
          copy_run(from, step.columns, at(row, tap, step.column));
        }
      }
      return {};
    });
  }

  Status operator()(const AddStep& step) const {
    return with_numbers<T>(lend_, step.values, step.count, [&](const T* values) {
      return with_numbers<std::int32_t>(
          lend_, step.places, step.count, [&](const std::int32_t* places) -> Status {
            for (std::size_t i = 0; i < step.count; ++i) {
              const auto place = static_cast<std::size_t>(places[i]);
              if (place >= recipe_.numbers()) {
                return wrong(step.places, "leads beyond the weights");
              }
              weights_[place] = sum(weights_[place], values[i]);
            }
            return {};
          });
    });
  }

  Status operator()(const ScaleStep& step) const {
    return with_numbers<float>(lend_, step.factors, step.rows, [&](const float* factors) -> Status {
      for (std::size_t row = 0; row < step.rows; ++row) {
        scale_row(step.row + row, factors[row]);
      }
      return {};
    });
  }

 private:
  T* at(std::size_t row, std::size_t tap, std::size_t column) const {
    return weights_ + row * recipe_.strides[0] + tap * recipe_.strides[1] +
           column * recipe_.strides[2];
  }

  void copy_run(const T* from, std::size_t count, T* to) const {
    if (recipe_.strides[2] == 1) {
      std::memcpy(to, from, count * sizeof(T));
      return;
    }
    for (std::size_t i = 0; i < count; ++i) {
      to[i * recipe_.strides[2]] = from[i];
    }
  }

  void scale_row(std::size_t row, float factor) const {
    for (std::size_t tap = 0; tap < recipe_.sizes[1]; ++tap) {
      T* const first = at(row, tap, 0);
      for (std::size_t column = 0; column < recipe_.sizes[2]; ++column) {
        T& number = first[column * recipe_.strides[2]];
        number = static_cast<T>(static_cast<float>(number) * factor);
      }
    }
  }

  const Recipe& recipe_;
  const LendBlock& lend_;
  T* weights_;
};

template <class T>
Status assemble_as(const Recipe& recipe, const LendBlock& lend, T* weights) {
  std::fill_n(weights, recipe.numbers(), T{});
  const Assembly<T> assembly(recipe, lend, weights);
  for (const Step& step : recipe.steps) {
    TASKZIP_TRY(std::visit(assembly, step));
  }
  return {};
}

Status assemble_widened(const Recipe& recipe, const LendBlock& lend, float* weights) {
  std::vector<Half> narrow(recipe.numbers());
  TASKZIP_TRY(assemble_as(recipe, lend, narrow.data()));
  std::copy(narrow.begin(), narrow.end(), weights);
  return {};
}

}  // namespace

Status assemble(const Recipe& recipe, const LendBlock& lend, void* weights) {
  switch (recipe.kind) {
    case Numbers::kFloat32:
      return assemble_as(recipe, lend, static_cast<float*>(weights));
    case Numbers::kFloat16:
      return assemble_as(recipe, lend, static_cast<Half*>(weights));
    case Numbers::kWidenedFloat16:
      return assemble_widened(recipe, lend, static_cast<float*>(weights));
    case Numbers::kInt8:
      return assemble_as(recipe, lend, static_cast<std::int8_t*>(weights));
  }
  return Error{code::kLoadFailed, "a recipe of an unknown kind"};
}

}  // namespace taskzip
