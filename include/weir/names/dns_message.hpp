// What a name server's answer to one question says (RFC 1035, 2308, 2782, 3596). The bytes are a
// stranger's: whatever they are, reading them ends, takes memory in proportion to them, and gives
// either what they say or what is wrong with them. Pure; any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/ip.hpp"
#include "weir/base/time.hpp"

namespace weir::names {

enum class RecordType : std::uint16_t { a = 1, cname = 5, soa = 6, aaaa = 28, srv = 33 };

// Of an answer's records those behind this many are left out.
inline constexpr std::size_t most_records = 4096;

struct SrvRecord {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  std::string target;  // as DnsAnswer::name

  friend bool operator==(const SrvRecord&, const SrvRecord&) = default;
};

struct DnsAnswer {
  static constexpr unsigned no_error = 0;
  static constexpr unsigned no_such_name = 3;  // NXDOMAIN

  unsigned code = no_error;  // RCODE
  bool truncated = false;
  // Whose records these are: what was asked, or where its CNAMEs lead. In lower case, without a dot
  // at its end; bytes that no host name has are written as \DDD.
  std::string name;
  std::vector<IpAddress> addresses;  // of A and AAAA; none twice
  std::vector<SrvRecord> services;   // of SRV; none twice
  // How long the records hold: the shortest of theirs and of the CNAMEs before them. 0 to 2^31 s.
  Duration ttl{};
  // How long it holds that there is nothing, where the answer says so (SOA).
  std::optional<Duration> negative_ttl;

  bool has_records() const noexcept { return !addresses.empty() || !services.empty(); }
};

// REQUIRES: `type` is a, aaaa or srv.
std::expected<DnsAnswer, std::string> parse_answer(std::span<const std::uint8_t> message,
                                                   std::string_view name, RecordType type);

}  // namespace weir::names
