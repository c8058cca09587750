// A value or the reason why there is none; nothing in the runner throws.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace taskzip {

// `code` is one of the words in codes.h; `message` says what happened, with which value.
struct Error {
  std::string code;
  std::string message;
};

// Success, or an Error. The success path allocates nothing.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}  // NOLINT: `return Error{...};`
  bool ok() const { return !error_.has_value(); }
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

// A T, or an Error. `value()` may be called only where `ok()`.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::move(value)) {}      // NOLINT: `return value;`
  Result(Error error) : held_(std::move(error)) {}  // NOLINT: `return Error{...};`
  bool ok() const { return std::holds_alternative<T>(held_); }
  T& value() { return std::get<T>(held_); }
  const T& value() const { return std::get<T>(held_); }
  T take() { return std::move(std::get<T>(held_)); }
  const Error& error() const { return std::get<Error>(held_); }

 private:
  std::variant<T, Error> held_;
};

}  // namespace taskzip

// Returns the error of `expression` from the enclosing function, if there is one.
#define TASKZIP_TRY(expression)                      \
  do {                                               \
    if (auto&& tried = (expression); !tried.ok()) {  \
      return tried.error();                          \
    }                                                \
  } while (false)
