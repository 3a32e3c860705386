#include "proxy/upstream_fields.hpp"

#include <charconv>
#include <string>

namespace weir::proxy {
namespace {

// The fields of one name joined as one list, in order.
void join(std::string& out, const HeaderMap& headers, FieldId id) {
  for (const HeaderMap::Field& field : headers) {
    if (field.id != id) continue;
    if (!out.empty()) out += ", ";
    out += field.value;
  }
}

void set(HeaderMap& headers, FieldId id, std::string_view name, std::string_view value) {
  headers.remove(id);
  headers.add_view(id, name, headers.arena().copy(value));
}

}  // namespace

void add_upstream_fields(RequestHead& head, const Exchange& exchange, std::string_view via_name) {
  HeaderMap& headers = head.headers;
  const bool trusted = exchange.connection.peer_trusted;
  std::string text;
  if (trusted) join(text, headers, FieldId::x_forwarded_for);
  if (!text.empty()) text += ", ";
  exchange.connection.peer.ip().append_to(text);
  if (exchange.connection.peer.ip().valid() || trusted) {
    set(headers, FieldId::x_forwarded_for, "X-Forwarded-For", text);
  }
  // What a trusted peer said of the client's side is nearer to the truth than what we see of the
  // peer.
  const auto unless_told = [&](FieldId id, std::string_view name, std::string_view value) {
    if (trusted && headers.contains(id)) return;
    set(headers, id, name, value);
  };
  unless_told(FieldId::x_forwarded_proto, "X-Forwarded-Proto", to_string(head.scheme));
  unless_told(FieldId::x_forwarded_host, "X-Forwarded-Host", head.authority);
  char port[6];
  const auto end = std::to_chars(port, port + sizeof port, exchange.connection.local.port()).ptr;
  unless_told(FieldId::x_forwarded_port, "X-Forwarded-Port",
              std::string_view(port, static_cast<std::size_t>(end - port)));
  text.clear();
  exchange.client_ip.append_to(text);
  set(headers, FieldId::x_real_ip, "X-Real-IP", text);
  set(headers, FieldId::x_request_id, "X-Request-Id", exchange.request_id());
  if (!via_name.empty()) {
    text.clear();
    join(text, headers, FieldId::via);
    if (!text.empty()) text += ", ";
    text += head.version == Version::http10 ? "1.0 " : "1.1 ";
    text += via_name;
    set(headers, FieldId::via, "Via", text);
  }
}

}  // namespace weir::proxy
