// Who a caller is, where something is counted or chosen per caller: the KEY of the configuration,
// and the bytes it gives for one request. A key is const after construction; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"

namespace weir {

enum class KeySource : std::uint8_t {
  client_ip,
  host,
  global,
  header,
  cookie,
  jwt_claim,
  path_param
};

struct KeyPart {
  KeySource source = KeySource::client_ip;
  std::string name;  // of the field, cookie, claim or parameter; else ""
  friend bool operator==(const KeyPart&, const KeyPart&) = default;
};

class CallerKey {
 public:
  static constexpr std::size_t most_parts = 8;

  // One caller in one spelling: two requests have the same bytes exactly if all parts agree. On the
  // stack: its size is bounded, since of a long value there is a digest.
  class Bytes {
   public:
    std::string_view view() const noexcept { return {bytes_.data(), size_}; }
    // Something was not there, and the client's address stands for it.
    bool fell_back() const noexcept { return fell_back_; }

   private:
    friend class CallerKey;
    Bytes() noexcept {}

    std::array<char, most_parts * 64> bytes_;  // of which `size_` are written
    std::size_t size_ = 0;
    bool fell_back_ = false;
  };

  // REQUIRES: one to most_parts parts.
  explicit CallerKey(const std::vector<KeyPart>& parts);

  // An IPv6 address counts by its /64; header lines of one name are joined with commas; a value
  // that is missing or empty is replaced by the client's address. `path_params` are the names of
  // the route's parameters. Allocates only for lines that have to be joined.
  Bytes of(const Request& request, const Exchange& exchange,
           std::span<const std::string> path_params) const;

  // For the log, of bytes that this key gave: the parts with commas between. Cookies, fields that
  // carry credentials, and long values are told by the beginning of their SHA-256.
  std::string text(const Bytes& bytes) const;

 private:
  struct Part {
    KeySource source;
    FieldId id;
    std::string name;
  };
  bool is_secret(const Part& part) const noexcept;
  static void append(Bytes& out, KeySource source, std::string_view value) noexcept;
  static void append_address(Bytes& out, const IpAddress& address) noexcept;

  std::vector<Part> parts_;
};

}  // namespace weir
