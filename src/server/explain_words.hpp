// What an explanation says of a route, in words, and the URL that it is asked about. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "weir/config/model.hpp"
#include "weir/http/head.hpp"

namespace weir::server {

// The parts of the asked URL.
struct AskedUrl {
  Scheme scheme = Scheme::http;
  std::string authority;
  std::string path;
  std::string query;
  bool has_query = false;
};

// Of an absolute URL, or of a path, whose host is that of the Host field. Nothing for what is
// neither.
std::optional<AskedUrl> parse_asked_url(std::string_view text, std::string_view host_field);

// Whether clients are asked for certificates on some name.
bool asks_for_certificates(const config::ListenerTls& tls);
// Whether a field's lists have that word.
bool has_element(const HeaderMap& headers, FieldId id, std::string_view word);

// As RequestHead::host.
std::string host_of(std::string_view authority);

std::string fault_text(const config::Fault& fault);
// What becomes of a WebSocket handshake.
std::string upgrade_text(const config::Route& route);
std::string duration_text(Duration duration);
// Whether it has content is not known here.
std::string hedge_text(const config::Hedge& hedge, Method method);

}  // namespace weir::server
