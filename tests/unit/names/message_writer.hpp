// Writes DNS messages byte by byte, also wrong ones.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace weir::names {

class MessageWriter {
 public:
  // An answer to one question.
  MessageWriter(std::string_view name, unsigned type, unsigned answers, unsigned authorities = 0,
                unsigned flags = 0x8180) {
    u16(0x1234).u16(flags).u16(1).u16(answers).u16(authorities).u16(0);
    this->name(name).u16(type).u16(1);
  }
  MessageWriter& u8(unsigned value) {
    bytes.push_back(static_cast<std::uint8_t>(value));
    return *this;
  }
  MessageWriter& u16(unsigned value) { return u8(value >> 8).u8(value & 0xFF); }
  MessageWriter& u32(std::uint32_t value) { return u16(value >> 16).u16(value & 0xFFFF); }
  MessageWriter& name(std::string_view text) {
    while (!text.empty()) {
      const std::string_view label = text.substr(0, text.find('.'));
      u8(static_cast<unsigned>(label.size()));
      for (const char c : label) u8(static_cast<unsigned char>(c));
      text.remove_prefix(label.size() < text.size() ? label.size() + 1 : label.size());
    }
    return u8(0);
  }
  MessageWriter& pointer(unsigned to) { return u16(0xC000 | to); }
  // Of the question's name; its data follows.
  MessageWriter& record(unsigned type, std::uint32_t ttl, unsigned size) {
    return pointer(12).u16(type).u16(1).u32(ttl).u16(size);
  }
  MessageWriter& a(std::uint32_t ttl, std::uint32_t address) {
    return record(1, ttl, 4).u32(address);
  }

  std::vector<std::uint8_t> bytes;
};

}  // namespace weir::names
