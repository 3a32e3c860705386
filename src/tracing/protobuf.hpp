// The wire format of protobuf (varints, fixed numbers, texts, messages in messages), as far as OTLP
// needs it. Written by hand, since these are forty lines for the few messages that we send, where
// libprotobuf would bring a compiler for .proto files into the build, 3 MB into the process, and an
// object with an allocation for each attribute onto the path of a request. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace weir::tracing {

// Appends fields of one message to a text. Numbers of fields are below 16 unless said otherwise.
class ProtoWriter {
 public:
  explicit ProtoWriter(std::string& out) noexcept : out_(out) {}

  void varint(unsigned field, std::uint64_t value) {
    out_.push_back(static_cast<char>(field << 3));
    put_varint(value);
  }
  void fixed64(unsigned field, std::uint64_t value) {
    out_.push_back(static_cast<char>(field << 3 | 1));
    put_fixed(value);
  }
  // The field's number may be up to 31.
  void fixed32(unsigned field, std::uint32_t value) {
    put_varint(std::uint64_t{field} << 3 | 5);
    put_fixed(value);
  }
  void bytes(unsigned field, std::string_view value) {
    out_.push_back(static_cast<char>(field << 3 | 2));
    put_varint(value.size());
    out_.append(value);
  }
  // Big endian, as ids are.
  void id(unsigned field, std::uint64_t high, std::uint64_t low) {
    out_.push_back(static_cast<char>(field << 3 | 2));
    out_.push_back(16);
    put_big(high);
    put_big(low);
  }
  void id(unsigned field, std::uint64_t value) {
    out_.push_back(static_cast<char>(field << 3 | 2));
    out_.push_back(8);
    put_big(value);
  }

  // A message in this one: what is appended until close() is its fields.
  std::size_t open(unsigned field) {
    out_.push_back(static_cast<char>(field << 3 | 2));
    const std::size_t at = out_.size();
    out_.append(usual_length, '\0');
    return at;
  }
  void close(std::size_t at) {
    const std::size_t size = out_.size() - at - usual_length;
    const std::size_t length = varint_size(size);
    if (length < usual_length) {
      out_.erase(at, usual_length - length);
    } else if (length > usual_length) {
      out_.insert(at, length - usual_length, '\0');
    }
    std::uint64_t rest = size;
    for (std::size_t i = 0; i < length; ++i, rest >>= 7) {
      out_[at + i] = static_cast<char>(rest & 0x7F) | (i + 1 < length ? '\x80' : '\0');
    }
  }

  static constexpr std::size_t varint_size(std::uint64_t value) noexcept {
    std::size_t size = 1;
    for (; value >= 0x80; value >>= 7) ++size;
    return size;
  }

  std::string& text() noexcept { return out_; }
  void put_varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<char>(value | 0x80));
    out_.push_back(static_cast<char>(value));
  }

 private:
  static constexpr std::size_t usual_length = 2;  // of a span

  template <class T>
  void put_fixed(T value) {
    char bytes[sizeof value];
    for (std::size_t i = 0; i < sizeof value; ++i) bytes[i] = static_cast<char>(value >> (8 * i));
    out_.append(bytes, sizeof value);
  }
  void put_big(std::uint64_t value) {
    char bytes[8];
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(value >> (56 - 8 * i));
    out_.append(bytes, 8);
  }

  std::string& out_;
};

}  // namespace weir::tracing
