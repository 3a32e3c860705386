#include "codec/h2/request_fields.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <utility>

#include "codec/h1/authority.hpp"
#include "codec/h1/field_lines.hpp"
#include "codec/h1/message_rules.hpp"
#include "codec/h1/request_target.hpp"
#include "codec/h1/scan.hpp"
#include "weir/base/text.hpp"

namespace weir::codec::h2 {
namespace {

enum : std::uint8_t {
  seen_method = 1,
  seen_scheme = 2,
  seen_authority = 4,
  seen_path = 8,
  seen_protocol = 16,
};

constexpr std::size_t longest_method = 256;

std::uint8_t pseudo_bit(std::string_view name) noexcept {
  if (name == ":method") return seen_method;
  if (name == ":scheme") return seen_scheme;
  if (name == ":authority") return seen_authority;
  if (name == ":path") return seen_path;
  if (name == ":protocol") return seen_protocol;
  return 0;
}

// RFC 6455 section 4.1: sixteen random bytes in base64.
std::string_view websocket_key(Arena& arena) {
  static constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<unsigned char, 18> random{};
  if (RAND_bytes(random.data(), 16) != 1) return {};
  char* const key = arena.allocate(24);
  for (std::size_t i = 0; i < 6; ++i) {
    const unsigned three = random[3 * i] << 16 | random[3 * i + 1] << 8 | random[3 * i + 2];
    for (unsigned j = 0; j < 4; ++j) key[4 * i + j] = digits[three >> (18 - 6 * j) & 63];
  }
  key[22] = key[23] = '=';
  return {key, 24};
}

}  // namespace

void RequestFields::fault(std::unexpected<HeadFault> what) {
  // A malformed head is reset whatever else is wrong with it.
  if (!fault_ || (!fault_->malformed && what.error().malformed)) fault_ = std::move(what.error());
}

void RequestFields::field(std::string_view name, std::string_view value) {
  size_ += counted_size(name, value);
  auto taken = is_pseudo(name) ? pseudo(name, value) : regular(name, value);
  if (!taken) fault(std::unexpected(std::move(taken.error())));
}

std::expected<void, HeadFault> RequestFields::pseudo(std::string_view name,
                                                     std::string_view value) {
  const std::uint8_t bit = pseudo_bit(name);
  if (bit == 0) return malformed("pseudo-field " + h1::quoted(name));
  if (regular_seen_) return malformed("a pseudo-header after other headers");
  if ((pseudo_seen_ & bit) != 0) return malformed(std::string(name) + " twice");
  pseudo_seen_ |= bit;
  if (bit != seen_path && !is_clean_value(value))
    return malformed("the value of " + std::string(name));
  if (bit == seen_path) {
    // What could end a line of HTTP/1 makes it malformed; the rest is a path that is refused.
    if (value.find_first_of(std::string_view("\0\r\n", 3)) != std::string_view::npos) {
      return malformed("a control character in :path");
    }
    if (value.size() > limits_.uri_size) {
      return refused(Reason::uri_too_long, "the request target is too long");
    }
  }
  if (size_ > limits_.header_size) {
    return refused(Reason::headers_too_large, "the headers are too large");
  }
  Arena& arena = head_.headers.arena();
  const std::string_view own = arena.copy(value);
  switch (bit) {
    case seen_method:
      if (!is_token(value) || value.size() > longest_method) return malformed("the method");
      head_.method_text = own;
      head_.method = parse_method(own);
      break;
    case seen_scheme:
      scheme_ = own;
      break;
    case seen_authority:
      authority_ = own;
      break;
    case seen_protocol:
      protocol_ = own;
      break;
    default:
      head_.target = own;
      return check_target();
  }
  return {};
}

std::expected<void, HeadFault> RequestFields::check_target() {
  if (limits_.raw_target_bytes == config::RawTargetBytes::encode) {
    const auto encoded =
        h1::encode_raw_bytes(head_.target, limits_.uri_size, head_.headers.arena());
    if (!encoded) return refused(Reason::uri_too_long, "the request target is too long");
    head_.raw_target = encoded->size() != head_.target.size();
    head_.target = *encoded;
  }
  const char* const begin = head_.target.data();
  const char* const end = begin + head_.target.size();
  if (h1::skip_target(begin, end) == end) return {};
  return refused(Reason::bad_request,
                 "a byte that the request target may not have: " + h1::quoted(head_.target));
}

std::expected<void, HeadFault> RequestFields::regular(std::string_view name,
                                                      std::string_view value) {
  regular_seen_ = true;
  const FieldId id = field_id(name);
  if (auto checked = check_field(id, name, value); !checked) return checked;
  if (size_ > limits_.header_size) {
    return refused(Reason::headers_too_large, "the headers are too large");
  }
  if (id == FieldId::cookie) return cookie(value);
  if (++count_ > limits_.header_count) {
    return refused(Reason::headers_too_large, "too many headers");
  }
  const auto taken_on = check_underscore(limits_.underscores, id, name);
  if (!taken_on) return std::unexpected(taken_on.error());
  if (!*taken_on) return {};
  Arena& arena = head_.headers.arena();
  const std::string_view own = arena.copy(value);
  switch (id) {
    case FieldId::host:
      // Host and :authority become one, and one Host there is.
      if (std::exchange(host_seen_, true)) return malformed("more than one Host");
      host_ = own;
      return {};
    case FieldId::authorization:
      // Two recipients might believe two of them.
      if (std::exchange(authorization_seen_, true)) {
        return refused(Reason::bad_request, "more than one Authorization");
      }
      break;
    case FieldId::content_length:
      content_length_ = own;
      ++content_lengths_;
      break;
    case FieldId::expect:
      if (!iequals(value, "100-continue")) {
        return refused(Reason::expectation_failed, "Expect " + h1::quoted(value));
      }
      head_.expect_continue = true;
      break;
    case FieldId::te:
      head_.te_trailers = true;
      break;
    default:
      break;
  }
  head_.headers.add_view(id, id == FieldId::other ? arena.copy(name) : field_name(id), own);
  return {};
}

// RFC 9113 section 8.2.3: crumbs are one field for everybody behind us.
std::expected<void, HeadFault> RequestFields::cookie(std::string_view value) {
  if (++cookies_ > most_cookies) return refused(Reason::headers_too_large, "too many cookies");
  if (value.empty()) return {};
  if (!cookie_.empty()) cookie_ += "; ";
  cookie_ += value;
  return {};
}

std::optional<HeadFault> RequestFields::finish(bool ended, Scheme scheme) {
  head_.version = Version::http2;
  head_.scheme = scheme;
  if (fault_) {
    // For the log.
    head_.path = head_.target.substr(0, head_.target.find('?'));
  } else if (auto decided = decide(ended); !decided) {
    fault_ = std::move(decided.error());
  }
  return std::move(fault_);
}

std::expected<void, HeadFault> RequestFields::decide(bool ended) {
  if (auto method = decide_method(); !method) return method;
  if (auto host = decide_host(); !host) return host;
  if (!cookie_.empty()) head_.headers.add(FieldId::cookie, "cookie", cookie_);
  if (auto content = decide_content(ended); !content) return content;
  if (protocol_.empty() && head_.method == Method::connect) {
    return refused(Reason::not_implemented, "method 'CONNECT'");
  }
  if (auto path = decide_path(); !path) return path;
  if (!protocol_.empty()) return into_handshake(ended);
  return {};
}

std::expected<void, HeadFault> RequestFields::decide_method() {
  const auto has = [this](std::uint8_t bit) { return (pseudo_seen_ & bit) != 0; };
  if (!has(seen_method)) return malformed("no :method");
  const bool connect = head_.method == Method::connect;
  if (has(seen_protocol) && (!connect || protocol_.empty())) return malformed(":protocol");
  if (connect && !has(seen_protocol)) {
    // RFC 9113 section 8.5.
    if (has(seen_scheme) || has(seen_path)) return malformed("CONNECT with :scheme or :path");
    if (!has(seen_authority)) return malformed("CONNECT without :authority");
    return {};
  }
  if (!has(seen_scheme)) return malformed("no :scheme");
  // A proxy before us may have ended TLS; other schemes are none of ours.
  if (!iequals(scheme_, "http") && !iequals(scheme_, "https")) return malformed("the :scheme");
  if (!has(seen_path)) return malformed("no :path");
  return {};
}

std::expected<void, HeadFault> RequestFields::decide_host() {
  Arena& arena = head_.headers.arena();
  const bool has_authority = (pseudo_seen_ & seen_authority) != 0;
  if (!has_authority && !host_seen_) return malformed("neither :authority nor Host");
  head_.authority = has_authority ? authority_ : host_;
  const auto effective = h1::parse_authority(head_.authority, arena);
  if (!effective) return malformed("malformed host " + h1::quoted(head_.authority));
  if (has_authority && host_seen_) {
    const auto host = h1::parse_authority(host_, arena);
    const std::uint16_t usual = iequals(scheme_, "https") ? 443 : 80;
    if (!host || host->host != effective->host ||
        host->port.value_or(usual) != effective->port.value_or(usual)) {
      return malformed("Host differs from :authority");
    }
  }
  head_.host = effective->host;
  head_.headers.add_view(FieldId::host, "host", head_.authority);
  return {};
}

std::expected<void, HeadFault> RequestFields::decide_content(bool ended) {
  if (content_lengths_ > 1) return malformed("more than one Content-Length");
  if (content_lengths_ == 1) {
    const auto length = h1::parse_content_length(content_length_);
    if (!length) return malformed("malformed Content-Length " + h1::quoted(content_length_));
    if (ended && *length != 0) return malformed("Content-Length without content");
    head_.framing = Framing::length;
    head_.content_length = *length;
  } else if (!ended) {
    head_.framing = Framing::chunked;
  } else if (head_.method == Method::post || head_.method == Method::put ||
             head_.method == Method::patch) {
    // HTTP/1 says it for methods that usually have content (RFC 9110 section 8.6).
    head_.framing = Framing::length;
  }
  if (ended) head_.expect_continue = false;
  return {};
}

std::expected<void, HeadFault> RequestFields::decide_path() {
  const std::string_view target = head_.target;
  if (head_.method == Method::trace) {
    return refused(Reason::not_implemented, "method " + h1::quoted(head_.method_text));
  }
  if (target == "*" && head_.method == Method::options) {
    head_.path = target;
    return {};
  }
  if (!target.starts_with('/')) return malformed("the :path");
  const std::size_t mark = target.find('?');
  head_.path = target.substr(0, mark);
  head_.has_query = mark != std::string_view::npos;
  if (head_.has_query) head_.query = target.substr(mark + 1);
  return {};
}

std::expected<void, HeadFault> RequestFields::into_handshake(bool ended) {
  if (!iequals(protocol_, "websocket")) {
    return refused(Reason::not_implemented, ":protocol " + h1::quoted(protocol_));
  }
  if (content_lengths_ != 0) return malformed("Content-Length in an extended CONNECT");
  if (head_.headers.get(FieldId::sec_websocket_version).value_or("") != "13") {
    return refused(Reason::bad_request, "Sec-WebSocket-Version other than 13");
  }
  if (ended) return refused(Reason::bad_request, "an extended CONNECT that has ended");
  extended_connect_ = true;
  head_.method = Method::get;
  head_.method_text = "GET";
  head_.framing = Framing::none;
  head_.expect_continue = false;
  head_.upgrade_websocket = true;
  HeaderMap& headers = head_.headers;
  headers.remove(FieldId::sec_websocket_key);
  headers.add_view(FieldId::sec_websocket_key, "sec-websocket-key", websocket_key(headers.arena()));
  return {};
}

}  // namespace weir::codec::h2
