#include "weir/auth/json_object.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_stack.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace weir::auth {
namespace {

constexpr std::size_t deepest = 16;

// Builds the value, and counts the members that were written: the library keeps the last of those
// with the same name, so fewer in the value than in the text means that one was there twice.
struct Builder {
  using Error = boost::system::error_code;
  using Text = json::string_view;

  static constexpr std::size_t max_object_size = 4096;
  static constexpr std::size_t max_array_size = 65536;
  static constexpr std::size_t max_key_size = 4096;
  static constexpr std::size_t max_string_size = 16 << 20;  // documents, in base64

  // Where values stand until they are put into what holds them; longer texts allocate.
  alignas(std::max_align_t) unsigned char room[2048];
  json::value_stack stack{json::storage_ptr(), room, sizeof room};
  std::size_t written = 0;

  bool on_document_begin(Error&) {
    stack.reset();
    return true;
  }
  bool on_document_end(Error&) { return true; }
  bool on_object_begin(Error&) { return true; }
  bool on_object_end(std::size_t members, Error&) {
    written += members;
    stack.push_object(members);
    return true;
  }
  bool on_array_begin(Error&) { return true; }
  bool on_array_end(std::size_t items, Error&) {
    stack.push_array(items);
    return true;
  }
  bool on_key_part(Text part, std::size_t, Error&) {
    stack.push_chars(part);
    return true;
  }
  bool on_key(Text part, std::size_t, Error&) {
    stack.push_key(part);
    return true;
  }
  bool on_string_part(Text part, std::size_t, Error&) {
    stack.push_chars(part);
    return true;
  }
  bool on_string(Text part, std::size_t, Error&) {
    stack.push_string(part);
    return true;
  }
  bool on_number_part(Text, Error&) { return true; }
  bool on_int64(std::int64_t number, Text, Error&) {
    stack.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, Text, Error&) {
    stack.push_uint64(number);
    return true;
  }
  // The library makes no number of 0e600.
  bool on_double(double number, Text, Error& error) {
    if (!std::isfinite(number)) {
      error = json::error::exponent_overflow;
      return false;
    }
    stack.push_double(number);
    return true;
  }
  bool on_bool(bool value, Error&) {
    stack.push_bool(value);
    return true;
  }
  bool on_null(Error&) {
    stack.push_null();
    return true;
  }
  bool on_comment_part(Text, Error&) { return true; }
  bool on_comment(Text, Error&) { return true; }
};

std::size_t members_of(const json::value& value) {
  std::size_t count = 0;
  if (const auto* object = value.if_object()) {
    count = object->size();
    for (const auto& member : *object) count += members_of(member.value());
  } else if (const auto* array = value.if_array()) {
    for (const auto& item : *array) count += members_of(item);
  }
  return count;
}

}  // namespace

std::optional<json::object> parse_object(std::string_view text) {
  json::parse_options options;
  options.max_depth = deepest;
  json::basic_parser<Builder> parser(options);
  boost::system::error_code error;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  if (error || read != text.size()) return std::nullopt;
  json::value value = parser.handler().stack.release();
  if (!value.is_object() || members_of(value) != parser.handler().written) return std::nullopt;
  return std::move(value.get_object());
}

std::optional<std::string_view> text_of(const json::object& object,
                                        std::string_view name) noexcept {
  const json::value* found = find(object, name);
  if (found == nullptr || !found->is_string()) return std::nullopt;
  return view(found->get_string());
}

}  // namespace weir::auth
