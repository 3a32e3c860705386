// JSON objects of tokens and key sets, read strictly: one object, valid UTF-8, no name twice at any
// depth (RFC 7515 section 4 allows a parser to refuse; two readers that choose differently are a
// hole), numbers finite, nesting bounded. The caller bounds the text's size. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <optional>
#include <string_view>

namespace weir::auth {

namespace json = boost::json;

// Nothing for anything else.
std::optional<json::object> parse_object(std::string_view text);

// The member of that name, or null.
inline const json::value* find(const json::object& object, std::string_view name) noexcept {
  return object.if_contains({name.data(), name.size()});
}
// The text of a string member; nothing when there is none or it is no string.
std::optional<std::string_view> text_of(const json::object& object, std::string_view name) noexcept;

inline std::string_view view(const json::string& text) noexcept {
  return {text.data(), text.size()};
}

}  // namespace weir::auth
