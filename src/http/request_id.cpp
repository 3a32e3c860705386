#include "weir/http/request_id.hpp"

#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>

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

bool system_random(std::span<unsigned char> out) noexcept {
  return RAND_bytes(out.data(), static_cast<int>(out.size())) == 1;
}

// SplitMix64 (Steele, Lea and Flood, 2014): each state gives another number.
std::uint64_t mix(std::uint64_t& state) noexcept {
  std::uint64_t out = state += 0x9e3779b97f4a7c15;
  out = (out ^ (out >> 30)) * 0xbf58476d1ce4e5b9;
  out = (out ^ (out >> 27)) * 0x94d049bb133111eb;
  return out ^ (out >> 31);
}

}  // namespace

void UuidSource::refill() noexcept {
  used_ = 0;
  if (random_(block_)) return;
  // A request is still answered, and its id is still its own: of the time, the process, and a count
  // over all threads. Others can be guessed from it, which opens nothing: it is no secret.
  static std::atomic<std::uint64_t> refills{0};
  std::uint64_t time =
      static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  std::uint64_t state = mix(time) + (static_cast<std::uint64_t>(::getpid()) << 32) +
                        refills.fetch_add(1, std::memory_order_relaxed);
  for (std::size_t at = 0; at < block_.size(); at += sizeof state) {
    const std::uint64_t word = mix(state);
    std::memcpy(&block_[at], &word, sizeof word);
  }
}

void UuidSource::write(std::span<char, 36> out) noexcept {
  if (used_ == block_.size()) refill();
  std::array<unsigned char, uuid_bytes> bytes;
  std::copy_n(&block_[used_], uuid_bytes, bytes.begin());
  used_ += uuid_bytes;
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

void write_uuid(std::span<char, 36> out) noexcept {
  thread_local UuidSource source(system_random);
  source.write(out);
}

bool is_valid_request_id(std::string_view id) noexcept {
  return !id.empty() && id.size() <= 36 && std::ranges::all_of(id, [](char c) {
    return is_alpha(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
  });
}

void assign_request_id(Exchange& exchange, const HeaderMap& headers) {
  RequestContext& context = exchange.fill_context();
  if (context.connection.peer_trusted) {
    const auto sent = headers.get(FieldId::x_request_id);
    if (sent && headers.count(FieldId::x_request_id) == 1 && is_valid_request_id(*sent)) {
      std::ranges::copy(*sent, context.request_id_text.begin());
      context.request_id_length = static_cast<std::uint8_t>(sent->size());
      return;
    }
  }
  write_uuid(context.request_id_text);
  context.request_id_length = static_cast<std::uint8_t>(context.request_id_text.size());
}

}  // namespace weir
