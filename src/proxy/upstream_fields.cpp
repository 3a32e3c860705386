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

// `value` is in the arena, or lives as long as the exchange.
void set(HeaderMap& headers, FieldId id, std::string_view name, std::string_view value) {
  headers.remove_all(field_set(id));
  headers.add_view(id, name, value);
}

std::string_view text_of(const IpAddress& address, Arena& arena) {
  char* const text = arena.allocate(IpAddress::longest_text);
  char* const end = address.write_to(text);
  arena.trim(end);
  return {text, static_cast<std::size_t>(end - text)};
}

}  // namespace

void add_upstream_fields(RequestHead& head, const Exchange& exchange, std::string_view via_name) {
  HeaderMap& headers = head.headers;
  Arena& arena = headers.arena();
  const ConnectionInfo& connection = exchange.connection;
  const bool trusted = connection.peer_trusted;
  const std::string_view peer = text_of(connection.peer.ip(), arena);
  if (connection.peer.ip().valid() || trusted) {
    std::string_view way = peer;
    if (trusted && headers.contains(FieldId::x_forwarded_for)) {
      std::string text;
      join(text, headers, FieldId::x_forwarded_for);
      if (!text.empty()) text += ", ";
      text += peer;
      way = arena.copy(text);
    }
    set(headers, FieldId::x_forwarded_for, "X-Forwarded-For", way);
  }
  // What a trusted peer said of the client's side is nearer to the truth than what we see of the
  // peer.
  const auto unless_told = [&](FieldId id, std::string_view name, std::string_view value) {
    if (trusted && headers.contains(id)) return;
    set(headers, id, name, value);
  };
  unless_told(FieldId::x_forwarded_proto, "X-Forwarded-Proto", to_string(head.scheme));
  unless_told(FieldId::x_forwarded_host, "X-Forwarded-Host", head.authority);
  char* const port = arena.allocate(5);
  char* const port_end = std::to_chars(port, port + 5, connection.local.port()).ptr;
  arena.trim(port_end);
  unless_told(FieldId::x_forwarded_port, "X-Forwarded-Port",
              {port, static_cast<std::size_t>(port_end - port)});
  const bool direct = exchange.client_ip == connection.peer.ip();
  set(headers, FieldId::x_real_ip, "X-Real-IP", direct ? peer : text_of(exchange.client_ip, arena));
  set(headers, FieldId::x_request_id, "X-Request-Id", exchange.request_id());
  if (!via_name.empty()) {
    std::string text;
    join(text, headers, FieldId::via);
    if (!text.empty()) text += ", ";
    text += head.version == Version::http10 ? "1.0 " : "1.1 ";
    text += via_name;
    set(headers, FieldId::via, "Via", arena.copy(text));
  }
}

}  // namespace weir::proxy
