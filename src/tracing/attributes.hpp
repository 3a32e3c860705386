// Attributes of spans, events and the resource, as OTLP has them (common.v1.KeyValue).
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>

#include "tracing/protobuf.hpp"

namespace weir::tracing {

// A longer text is cut.
inline constexpr std::size_t longest_text_value = 1024;

class Attributes {
 public:
  // They are that field of the message that is being written.
  Attributes(ProtoWriter& out, unsigned field) noexcept : out_(out), field_(field) {}

  // What is no UTF-8 is shown as '?': a message with one such text is refused as a whole.
  void add(std::string_view key, std::string_view value);
  void add(std::string_view key, std::int64_t value);
  // Of a bool alone: a literal text would be one, too.
  void add(std::string_view key, std::same_as<bool> auto value) { add_bool(key, value); }
  // Unless it is empty.
  void add_if(std::string_view key, std::string_view value) {
    if (!value.empty()) add(key, value);
  }

 private:
  void add_bool(std::string_view key, bool value);
  void begin(std::string_view key, std::size_t value_size);
  ProtoWriter& out_;
  unsigned field_;
};

// Appends `text` with '?' for what is no UTF-8, cut to the length of an attribute.
void append_utf8(std::string& out, std::string_view text);

}  // namespace weir::tracing
