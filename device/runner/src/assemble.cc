#include "assemble.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "codes.h"

namespace taskzip {
namespace {

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

class Assembly {
 public:
  Assembly(const Recipe& recipe, const LendBlock& lend, float* weights)
      : recipe_(recipe), lend_(lend), weights_(weights) {}

  Status operator()(const CopyStep& step) const {
    const std::size_t numbers = step.rows * recipe_.sizes[1] * step.columns;
    return with_numbers<float>(lend_, step.block, numbers, [&](const float* from) -> Status {
      for (std::size_t row = step.row; row < step.row + step.rows; ++row) {
        for (std::size_t tap = 0; tap < recipe_.sizes[1]; ++tap, from += step.columns) {
          copy_run(from, step.columns, at(row, tap, step.column));
        }
      }
      return {};
    });
  }

  Status operator()(const AddStep& step) const {
    return with_numbers<float>(lend_, step.values, step.count, [&](const float* values) {
      return with_numbers<std::int32_t>(
          lend_, step.places, step.count, [&](const std::int32_t* places) -> Status {
            for (std::size_t i = 0; i < step.count; ++i) {
              const auto place = static_cast<std::size_t>(places[i]);
              if (place >= recipe_.numbers()) {
                return wrong(step.places, "leads beyond the weights");
              }
              weights_[place] += values[i];
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
  float* at(std::size_t row, std::size_t tap, std::size_t column) const {
    return weights_ + row * recipe_.strides[0] + tap * recipe_.strides[1] +
           column * recipe_.strides[2];
  }

  void copy_run(const float* from, std::size_t count, float* to) const {
    if (recipe_.strides[2] == 1) {
      std::memcpy(to, from, count * sizeof(float));
      return;
    }
    for (std::size_t i = 0; i < count; ++i) {
      to[i * recipe_.strides[2]] = from[i];
    }
  }

  void scale_row(std::size_t row, float factor) const {
    for (std::size_t tap = 0; tap < recipe_.sizes[1]; ++tap) {
      float* const first = at(row, tap, 0);
      for (std::size_t column = 0; column < recipe_.sizes[2]; ++column) {
        first[column * recipe_.strides[2]] *= factor;
      }
    }
  }

  const Recipe& recipe_;
  const LendBlock& lend_;
  float* weights_;
};

}  // namespace

Status assemble(const Recipe& recipe, const LendBlock& lend, float* weights) {
  std::fill_n(weights, recipe.numbers(), 0.0f);
  const Assembly assembly(recipe, lend, weights);
  for (const Step& step : recipe.steps) {
    TASKZIP_TRY(std::visit(assembly, step));
  }
  return {};
}

}  // namespace taskzip
