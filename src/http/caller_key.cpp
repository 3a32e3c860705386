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
  const std::size_t count = std::min(names.size(), exchange.path_params.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (names[i] == name) return exchange.path_params[i];
  }
  return {};
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
        append_address(out, exchange.client_ip);
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
        if (exchange.claims != nullptr) value = exchange.claims->claim(part.name);
        break;
      case KeySource::path_param:
        value = path_param(exchange, path_params, part.name);
        break;
    }
    if (value.empty()) {
      out.fell_back_ = true;
      append_address(out, exchange.client_ip);
    } else {
      append(out, part.source, value);
    }
  }
  return out;
}

}  // namespace weir
