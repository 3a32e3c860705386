#include "proxy/upstream_fields.hpp"

#include <charconv>
#include <cstring>
#include <string>

#include "weir/base/copy_text.hpp"
#include "weir/base/text.hpp"
#include "weir/proxy/upstream_request.hpp"

namespace weir::proxy {
namespace {

// The fields of one name joined as one list, in order, with a comma behind it.
std::string list_before(const HeaderMap& headers, FieldId id) {
  std::string out;
  if (!headers.may_have(field_set(id))) return out;
  for (const HeaderMap::Field& field : headers) {
    if (field.id != id) continue;
    if (!out.empty()) out += ", ";
    out += field.value;
  }
  if (!out.empty()) out += ", ";
  return out;
}

// Whether what a trusted peer says of the scheme can go on as it is: one word, and no ws or wss,
// which servers do not know.
bool is_plain_proto(const HeaderMap& headers) noexcept {
  if (headers.count(FieldId::x_forwarded_proto) != 1) return false;
  const std::string_view told = *headers.get(FieldId::x_forwarded_proto);
  return told == "https" || told == "http";
}

// The port in `authority` (host[:port]), otherwise the scheme's.
unsigned port_of(std::string_view authority, Scheme scheme) noexcept {
  const std::size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    const auto port = parse_decimal(authority.substr(colon + 1));
    if (port && *port > 0 && *port <= 65535) return static_cast<unsigned>(*port);
  }
  return scheme == Scheme::https ? 443 : 80;
}

// Adds fields as whole lines, one behind the other, so that they go out as one piece. REQUIRES:
// nobody else uses the map's arena meanwhile, and `room` holds all values.
class Lines {
 public:
  Lines(HeaderMap& headers, std::size_t room)
      : headers_(headers), at_(headers.arena().allocate(room + names)) {}
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;
  ~Lines() { headers_.arena().trim(at_); }

  // `write` puts the value where it is told and returns its end.
  template <std::size_t n, class Write>
  std::string_view add(FieldId id, const char (&name)[n], const Write& write) {
    char* const line = at_;
    std::memcpy(line, name, n - 1);
    std::memcpy(line + n - 1, ": ", 2);
    char* const value = line + n + 1;
    char* const end = write(value);
    std::memcpy(end, "\r\n", 2);
    at_ = end + 2;
    const std::string_view text(value, static_cast<std::size_t>(end - value));
    headers_.add_line(id, {line, n - 1}, text);
    return text;
  }
  template <std::size_t n>
  std::string_view add(FieldId id, const char (&name)[n], std::string_view value) {
    return add(id, name, [value](char* out) { return copy_text(out, value); });
  }

 private:
  static constexpr std::size_t names = 160;  // of all that is added here, and what stands around

  HeaderMap& headers_;
  char* at_;
};

// Who the client is by its certificate, behind what a trusted peer said of those before it.
void add_client_identity(HeaderMap& headers, const ConnectionInfo& connection) {
  if (connection.tls == nullptr || connection.tls->client_identity.empty()) return;
  std::string identity;
  if (connection.peer_trusted) identity = list_before(headers, FieldId::x_forwarded_client_cert);
  identity += connection.tls->client_identity;
  headers.remove_all(field_set(FieldId::x_forwarded_client_cert));
  headers.add_view(FieldId::x_forwarded_client_cert, "X-Forwarded-Client-Cert",
                   headers.arena().copy(identity));
}

}  // namespace

void add_upstream_fields(RequestHead& head, const Exchange& exchange, std::string_view via_name) {
  HeaderMap& headers = head.headers;
  const ConnectionInfo& connection = exchange.context.connection;
  const IpAddress& peer = connection.peer.ip();
  const bool trusted = connection.peer_trusted;
  add_client_identity(headers, connection);
  std::string way;
  std::string vias;
  if (trusted) way = list_before(headers, FieldId::x_forwarded_for);
  if (!via_name.empty()) vias = list_before(headers, FieldId::via);
  // What a trusted peer said of the client's side is nearer to the truth than what we see of the
  // peer.
  const auto to_say = [&](FieldId id, bool say) { return say ? field_set(id) : FieldSet{0}; };
  const auto unless_told = [&](FieldId id) {
    return to_say(id, !trusted || !headers.contains(id));
  };
  const bool proto_told = trusted && is_plain_proto(headers);
  // Our port is nothing that a client knows: behind a balancer or a container's mapping it asks for
  // another.
  const std::string_view asked =
      trusted ? headers.get(FieldId::x_forwarded_host).value_or(head.authority) : head.authority;
  const unsigned port = port_of(asked, head.scheme);
  const FieldSet ours =
      field_set({FieldId::x_real_ip, FieldId::x_request_id}) |
      to_say(FieldId::x_forwarded_for, peer.valid() || trusted) |
      to_say(FieldId::x_forwarded_proto, !proto_told) | unless_told(FieldId::x_forwarded_host) |
      unless_told(FieldId::x_forwarded_port) | to_say(FieldId::via, !via_name.empty());
  headers.remove_all(ours);

  Lines lines(headers, 2 * IpAddress::longest_text + way.size() + head.authority.size() +
                           exchange.context.request_id().size() + vias.size() + via_name.size());
  if (holds(ours, FieldId::x_forwarded_for)) {
    lines.add(FieldId::x_forwarded_for, "X-Forwarded-For",
              [&](char* out) { return peer.write_to(copy_text(out, way)); });
  }
  if (holds(ours, FieldId::x_forwarded_proto)) {
    lines.add(FieldId::x_forwarded_proto, "X-Forwarded-Proto", to_string(head.scheme));
  }
  if (holds(ours, FieldId::x_forwarded_host) && !head.authority.empty()) {
    lines.add(FieldId::x_forwarded_host, "X-Forwarded-Host", head.authority);
  }
  if (holds(ours, FieldId::x_forwarded_port)) {
    lines.add(FieldId::x_forwarded_port, "X-Forwarded-Port",
              [&](char* out) { return std::to_chars(out, out + 5, port).ptr; });
  }
  lines.add(FieldId::x_real_ip, "X-Real-IP",
            [&](char* out) { return exchange.context.client_ip.write_to(out); });
  lines.add(FieldId::x_request_id, "X-Request-Id", exchange.context.request_id());
  if (!via_name.empty()) {
    const char* const version = head.version == Version::http2    ? "2.0 "
                                : head.version == Version::http10 ? "1.0 "
                                                                  : "1.1 ";
    lines.add(FieldId::via, "Via", [&](char* out) {
      char* const at = copy_text(out, vias);
      std::memcpy(at, version, 4);
      return copy_text(at + 4, via_name);
    });
  }
}

void write_fields(Request& request, const Exchange& exchange, std::string_view via_name,
                  const HeaderRewrite& changes) {
  RequestHead& head = request.head;
  HeaderMap& headers = head.headers;
  if (head.upgrade_websocket) headers.add_view(FieldId::upgrade, "Upgrade", "websocket");
  if (head.te_trailers) headers.add_view(FieldId::te, "TE", "trailers");
  if (!head.expect_continue) headers.remove(FieldId::expect);
  add_upstream_fields(head, exchange, via_name);
  changes.apply(headers, request, exchange);
}

}  // namespace weir::proxy
