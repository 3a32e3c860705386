// The heads of messages after a codec has checked them: what HTTP/1 and HTTP/2 have in common.
// They own their bytes (in headers.arena()), so a second try still has them. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/http/header_map.hpp"
#include "weir/http/method.hpp"

namespace weir {

enum class Version : std::uint8_t { http10, http11, http2 };
enum class Scheme : std::uint8_t { http, https };

inline std::string_view to_string(Scheme scheme) noexcept {
  return scheme == Scheme::https ? "https" : "http";
}

// How a message's content is delimited, decided once by the strict parser (RFC 9112 section 6).
enum class Framing : std::uint8_t { none, length, chunked, until_close };

struct RequestHead {
  Method method = Method::get;
  Version version = Version::http11;
  Scheme scheme = Scheme::http;  // of the connection, never from the target
  std::string_view method_text;  // as sent
  std::string_view target;       // as sent
  std::string_view authority;    // effective host[:port] as sent; "" from HTTP/1.0 without Host
  std::string_view host;   // of authority: lower case, no port, no trailing dot, [v6] in brackets
  std::string_view path;   // as sent by the codec's parser; normalised by http/url_path before
                           // matching; "*" for OPTIONS *
  std::string_view query;  // without its '?'
  bool has_query = false;
  bool raw_target = false;     // the target held bytes above 7F, which were percent-encoded
  bool encoded_slash = false;  // the path holds %2F or %5C; set by normalisation
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;  // with Framing::length
  bool keep_alive = true;            // what the client wants of the connection
  bool expect_continue = false;
  bool te_trailers = false;  // TE: trailers came
  bool upgrade_websocket =
      false;  // a valid RFC 6455 handshake: GET, Connection, version 13, one key
  HeaderMap headers;
};

struct ResponseHead {
  int status = 200;
  Version version = Version::http11;
  std::string_view phrase;  // as sent; "" means status_phrase(status)
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;  // with Framing::length
  bool keep_alive = true;            // what the upstream wants of the connection
  HeaderMap headers;
};

}  // namespace weir
