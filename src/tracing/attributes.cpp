#include "tracing/attributes.hpp"

#include "weir/base/utf8.hpp"

namespace weir::tracing {
namespace {

// A text that can be sent: itself, or what append_utf8() made of it.
class Sendable {
 public:
  explicit Sendable(std::string_view text) : text_(text) {
    if (text.size() <= longest_text_value && valid_utf8(text) == text.size()) [[likely]]
      return;
    append_utf8(mended_, text);
    text_ = mended_;
  }
  std::string_view text() const noexcept { return text_; }

 private:
  std::string_view text_;
  std::string mended_;
};

// Fields of KeyValue and AnyValue.
constexpr unsigned key_field = 1;
constexpr unsigned value_field = 2;
constexpr unsigned string_value = 1;
constexpr unsigned bool_value = 2;
constexpr unsigned int_value = 3;

}  // namespace

void append_utf8(std::string& out, std::string_view text) {
  const std::size_t end = out.size() + longest_text_value;
  while (!text.empty() && out.size() < end) {
    const std::size_t length = utf8_sequence(text);
    if (out.size() + length > end) return;
    if (length == 0) {
      out.push_back('?');
      text.remove_prefix(1);
    } else {
      out.append(text.substr(0, length));
      text.remove_prefix(length);
    }
  }
}

void Attributes::begin(std::string_view key, std::size_t value_size) {
  const std::size_t size = 1 + ProtoWriter::varint_size(key.size()) + key.size() + 1 +
                           ProtoWriter::varint_size(value_size) + value_size;
  out_.text().push_back(static_cast<char>(field_ << 3 | 2));
  out_.put_varint(size);
  out_.bytes(key_field, key);
  out_.text().push_back(static_cast<char>(value_field << 3 | 2));
  out_.put_varint(value_size);
}

void Attributes::add(std::string_view key, std::string_view value) {
  const Sendable sent(value);
  const std::size_t size = sent.text().size();
  begin(key, 1 + ProtoWriter::varint_size(size) + size);
  out_.bytes(string_value, sent.text());
}

void Attributes::add(std::string_view key, std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  begin(key, 1 + ProtoWriter::varint_size(bits));
  out_.varint(int_value, bits);
}

void Attributes::add_bool(std::string_view key, bool value) {
  begin(key, 2);
  out_.varint(bool_value, value ? 1 : 0);
}

}  // namespace weir::tracing
