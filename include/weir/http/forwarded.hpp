// What peers say about the way of a request, and how far it is believed. Pure, on the path of every
// request: one pass over the fields each, no allocation. Any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "weir/base/ip.hpp"
#include "weir/http/head.hpp"
#include "weir/http/header_map.hpp"

namespace weir {

// Whether two field names are one name to a server that folds case and reads `_` as `-` (CGI).
bool same_field_name(std::string_view a, std::string_view b) noexcept;
// Removes every spelling of `name`, in any case and with `_` for `-`; returns how many went.
std::size_t remove_spellings(HeaderMap& headers, std::string_view name);

// Removes what only a trusted peer may say, in any case and with `_` for `-`: Forwarded,
// X-Forwarded-*, X-Real-IP, X-Client-IP, True-Client-IP, X-Original-URL, X-Rewrite-URL,
// X-Request-Id, X-Request-Timeout, Proxy, and the names in `extra`. For requests of untrusted
// peers, before anything looks at the fields.
void strip_untrusted(HeaderMap& headers, std::span<const std::string> extra = {});

// Removes the fields of this connection alone: the hop-by-hop ones and those that Connection names
// (RFC 9110 section 7.6.1), Host and Content-Length excepted, as nobody may name these away. A
// sender that names more than 64 loses every field that Weir does not know. For requests before
// the first middleware adds a field, so that no client can name our own fields; for responses
// before anything looks at them. Upgrade and TE are put back by who forwards them.
void strip_hop_by_hop(HeaderMap& headers);

// Who the client is: of a trusted peer's X-Forwarded-For the right-most address that is not in
// `trusted`, as far as its entries are `IP`, `IP:port`, `[IP]` or `[IP]:port`, and of the last 64
// entries; otherwise `peer`. Several X-Forwarded-For lines are one list.
IpAddress client_ip(const HeaderMap& headers, const IpAddress& peer, bool peer_trusted,
                    std::span<const Cidr> trusted) noexcept;

// How the client came: what a trusted peer's X-Forwarded-Proto says, in its right-most value, if
// that is http or https (or ws or wss, which is the same for a WebSocket); otherwise `own`, which
// is how the peer came. Several lines are one list.
Scheme client_scheme(const HeaderMap& headers, Scheme own, bool peer_trusted) noexcept;

// Whether `value` is a traceparent (W3C Trace Context, section 3.2); a later version may carry more
// fields after those known.
bool is_valid_traceparent(std::string_view value) noexcept;
// Leaves traceparent and tracestate untouched if exactly one valid traceparent came, otherwise
// removes both. Returns the trace id, 32 hex digits, "" if there is none; valid as long as
// `headers`.
std::string_view keep_valid_trace(HeaderMap& headers);

// How often `name` received this message before, by its Via fields (RFC 9110 section 7.6.3).
unsigned count_via(const HeaderMap& headers, std::string_view name) noexcept;
// A request that was here that often goes in a circle (proxy_loop).
inline constexpr unsigned loop_at = 4;
inline bool is_loop(const HeaderMap& headers, std::string_view name) noexcept {
  return count_via(headers, name) >= loop_at;
}

}  // namespace weir
