#include "weir/http/caller_key.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "weir/base/text.hpp"
#include "weir/http/cookie.hpp"

namespace weir {
namespace {

// With source and length a part of at most 64 bytes.
constexpr std::size_t longest_value = 62;
// In the place of the source: what follows is a digest.
constexpr unsigned char digested = 0x80;
constexpr int ipv6_network_bits = 64;

// All lines of one field as one (RFC 9110 section 5.3), in `joined` if there are several.
std::string_view field_value(const HeaderMap& headers, FieldId id, std::string_view name,
                             std::string& joined) {
  std::string_view first;
  bool found = false;
  for (const HeaderMap::Field& field : headers) {
    if (field.id != id || (id == FieldId::other && !iequals(field.name, name))) continue;
    if (!found) {
      first = field.value;
      found = true;
    } else {
      if (joined.empty()) joined = first;
      joined += ',';
      joined += field.value;
    }
  }
  return joined.empty() ? first : std::string_view(joined);
}

std::string_view path_param(const Exchange& exchange, std::span<const std::string> names,
                            std::string_view name) noexcept {
  const std::size_t count = std::min(names.size(), exchange.context.path_params.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (names[i] == name) return exchange.context.path_params[i];
  }
  return {};
}

void append_digest(std::string& out, std::string_view digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  constexpr std::size_t shown = 8;
  out += "sha256:";
  for (const char c : digest.substr(0, shown)) {
    const auto byte = static_cast<unsigned char>(c);
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
}

// Of what append_address() made: four bytes, or the eight of a network; none of a unix: socket.
void append_address_text(std::string& out, std::string_view bytes) {
  std::array<std::uint8_t, 16> all{};
  std::memcpy(all.data(), bytes.data(), std::min(bytes.size(), all.size()));
  if (bytes.size() == 4) {
    out += IpAddress::v4({all[0], all[1], all[2], all[3]}).to_string();
  } else if (bytes.size() == ipv6_network_bits / 8) {
    out += IpAddress::v6(all).to_string() + "/64";
  } else {
    out += "unix";
  }
}

}  // namespace

CallerKey::CallerKey(const std::vector<KeyPart>& parts) {
  assert(!parts.empty() && parts.size() <= most_parts);
  for (const KeyPart& part : parts) {
    const bool field = part.source == KeySource::header;
    parts_.push_back({part.source, field ? field_id(part.name) : FieldId::other, part.name});
  }
}

void CallerKey::append(Bytes& out, KeySource source, std::string_view value) noexcept {
  char* to = out.bytes_.data() + out.size_;
  auto mark = static_cast<unsigned char>(source);
  std::size_t length = value.size();
  if (length > longest_value) {
    length = SHA256_DIGEST_LENGTH;
    mark |= digested;
    SHA256(reinterpret_cast<const unsigned char*>(value.data()), value.size(),
           reinterpret_cast<unsigned char*>(to + 2));
  } else if (length != 0) {
    std::memcpy(to + 2, value.data(), length);
  }
  to[0] = static_cast<char>(mark);
  to[1] = static_cast<char>(length);
  out.size_ += 2 + length;
}

void CallerKey::append_address(Bytes& out, const IpAddress& address) noexcept {
  const IpAddress network = address.is_v6() ? address.masked(ipv6_network_bits) : address;
  const std::size_t bytes = address.is_v6() ? ipv6_network_bits / 8 : address.is_v4() ? 4 : 0;
  append(out, KeySource::client_ip, {reinterpret_cast<const char*>(network.bytes().data()), bytes});
}

CallerKey::Bytes CallerKey::of(const Request& request, const Exchange& exchange,
                               std::span<const std::string> path_params) const {
  Bytes out;
  std::string joined;
  for (const Part& part : parts_) {
    std::string_view value;
    switch (part.source) {
      case KeySource::client_ip:
        append_address(out, exchange.context.client_ip);
        continue;
      case KeySource::global:
        append(out, KeySource::global, {});
        continue;
      case KeySource::host:
        value = request.head.host;
        break;
      case KeySource::header:
        joined.clear();
        value = field_value(request.head.headers, part.id, part.name, joined);
        break;
      case KeySource::cookie:
        value = cookie_value(request.head.headers, part.name).value_or(std::string_view());
        break;
      case KeySource::jwt_claim:
        if (exchange.decisions.claims != nullptr)
          value = exchange.decisions.claims->claim(part.name);
        break;
      case KeySource::path_param:
        value = path_param(exchange, path_params, part.name);
        break;
    }
    if (value.empty()) {
      out.fell_back_ = true;
      append_address(out, exchange.context.client_ip);
    } else {
      append(out, part.source, value);
    }
  }
  return out;
}

bool CallerKey::is_secret(const Part& part) const noexcept {
  if (part.source == KeySource::cookie) return true;
  if (part.source != KeySource::header) return false;
  constexpr std::array<std::string_view, 6> words{"auth",  "cookie", "key",
                                                  "token", "secret", "session"};
  const std::string name = to_lower(part.name);
  return std::ranges::any_of(words, [&](std::string_view word) { return name.contains(word); });
}

std::string CallerKey::text(const Bytes& bytes) const {
  std::string out;
  std::string_view rest = bytes.view();
  for (const Part& part : parts_) {
    if (rest.size() < 2) break;
    const auto mark = static_cast<unsigned char>(rest[0]);
    const std::string_view value = rest.substr(2, static_cast<unsigned char>(rest[1]));
    rest.remove_prefix(2 + value.size());
    if (!out.empty()) out += ',';
    const auto source = static_cast<KeySource>(mark & ~digested);
    if (source == KeySource::client_ip) {
      append_address_text(out, value);
    } else if (source == KeySource::global) {
      out += "global";
    } else if ((mark & digested) != 0) {
      append_digest(out, value);
    } else if (is_secret(part)) {
      std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
      SHA256(reinterpret_cast<const unsigned char*>(value.data()), value.size(), digest.data());
      append_digest(out, {reinterpret_cast<const char*>(digest.data()), digest.size()});
    } else {
      out += value;
    }
  }
  return out;
}

}  // namespace weir
