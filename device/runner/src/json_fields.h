// Typed access to JSON objects; every error names the path of the field.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "codes.h"
#include "result.h"

namespace taskzip {

using Json = nlohmann::json;

// An object of the document and where it stands, for messages.
struct Node {
  const Json& json;
  std::string path;

  // @retval bad_spec there is no such field
  Result<const Json*> field(const std::string& key) const {
    if (!json.is_object() || !json.contains(key)) {
      return Error{code::kBadSpec, path + key + ": missing"};
    }
    return &json.at(key);
  }

  // @retval bad_spec missing, not text, empty or longer than `longest`
  Result<std::string> text(const std::string& key, std::size_t longest = 240) const {
    auto found = field(key);
    TASKZIP_TRY(found);
    if (!found.value()->is_string()) {
      return Error{code::kBadSpec, path + key + ": not text"};
    }
    std::string value = *found.value()->get_ptr<const std::string*>();
    if (value.empty() || value.size() > longest) {
      return Error{code::kBadSpec, path + key + ": empty or longer than " +
                                       std::to_string(longest) + " characters"};
    }
    return value;
  }

  // @retval bad_spec missing, not an integer, or outside [least, most]
  Result<std::int64_t> integer(const std::string& key, std::int64_t least,
                               std::int64_t most) const {
    auto found = field(key);
    TASKZIP_TRY(found);
    return checked_integer(*found.value(), path + key, least, most);
  }

  // @retval bad_spec missing or not a boolean
  Result<bool> boolean(const std::string& key) const {
    auto found = field(key);
    TASKZIP_TRY(found);
    if (!found.value()->is_boolean()) {
      return Error{code::kBadSpec, path + key + ": not a boolean"};
    }
    return found.value()->get<bool>();
  }

  // @retval bad_spec missing, not an array, or of a length outside [least, most]
  Result<const Json*> array(const std::string& key, std::size_t least, std::size_t most) const {
    auto found = field(key);
    TASKZIP_TRY(found);
    const Json& value = *found.value();
    if (!value.is_array() || value.size() < least || value.size() > most) {
      return Error{code::kBadSpec, path + key + ": not a list of " + std::to_string(least) +
                                       " to " + std::to_string(most) + " items"};
    }
    return &value;
  }

  static Result<std::int64_t> checked_integer(const Json& value, const std::string& where,
                                              std::int64_t least, std::int64_t most) {
    const bool fits = value.is_number_integer() &&
                      (!value.is_number_unsigned() ||
                       value.get<std::uint64_t>() <= static_cast<std::uint64_t>(most));
    if (!fits || value.get<std::int64_t>() < least || value.get<std::int64_t>() > most) {
      return Error{code::kBadSpec, where + ": not an integer from " + std::to_string(least) +
                                       " to " + std::to_string(most)};
    }
    return value.get<std::int64_t>();
  }
};

}  // namespace taskzip
