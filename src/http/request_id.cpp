#include "weir/http/request_id.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <stdexcept>

#include "weir/base/text.hpp"

namespace weir {
namespace {

constexpr std::size_t uuid_bytes = 16;

constexpr std::array<char, 512> hex_pairs = [] {
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<char, 512> pairs{};
  for (std::size_t i = 0; i < 256; ++i) {
    pairs[2 * i] = digits[i >> 4];
    pairs[2 * i + 1] = digits[i & 15];
  }
  return pairs;
}();

// Random bytes of one thread, drawn 4 KiB at a time.
class RandomBlock {
 public:
  std::span<const unsigned char, uuid_bytes> draw() {
    if (used_ == block_.size()) {
      if (RAND_bytes(block_.data(), static_cast<int>(block_.size())) != 1) {
        throw std::runtime_error("no random bytes for request ids");
      }
      used_ = 0;
    }
    const auto out = std::span<const unsigned char, uuid_bytes>(&block_[used_], uuid_bytes);
    used_ += uuid_bytes;
    return out;
  }

 private:
  std::array<unsigned char, 4096> block_{};
  std::size_t used_ = block_.size();
};

}  // namespace

void write_uuid(std::span<char, 36> out) {
  thread_local RandomBlock random;
  std::array<unsigned char, uuid_bytes> bytes;
  std::ranges::copy(random.draw(), bytes.begin());
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);  // version 4
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);  // variant of RFC 9562
  const auto put = [&](std::size_t at, std::size_t from, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(&out[at + 2 * i], &hex_pairs[std::size_t{2} * bytes[from + i]], 2);
    }
  };
  put(0, 0, 4);
  out[8] = '-';
  put(9, 4, 2);
  out[13] = '-';
  put(14, 6, 2);
  out[18] = '-';
  put(19, 8, 2);
  out[23] = '-';
  put(24, 10, 6);
}

bool is_valid_request_id(std::string_view id) noexcept {
  return !id.empty() && id.size() <= 36 && std::ranges::all_of(id, [](char c) {
    return is_alpha(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
  });
}

void assign_request_id(Exchange& exchange, const HeaderMap& headers) {
  if (exchange.connection.peer_trusted) {
    const auto sent = headers.get(FieldId::x_request_id);
    if (sent && headers.count(FieldId::x_request_id) == 1 && is_valid_request_id(*sent)) {
      std::ranges::copy(*sent, exchange.request_id_text.begin());
      exchange.request_id_length = static_cast<std::uint8_t>(sent->size());
      return;
    }
  }
  write_uuid(exchange.request_id_text);
  exchange.request_id_length = static_cast<std::uint8_t>(exchange.request_id_text.size());
}

}  // namespace weir
