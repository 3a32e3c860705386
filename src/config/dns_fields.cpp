#include "config/dns_fields.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "config/checks.hpp"
#include "config/kinds.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

Wrong check_dns_name(std::string& text) {
  if (Wrong wrong = check_endpoint(text)) return wrong;
  if (text.starts_with("unix:") || SocketAddress::parse(text)) {
    return in_quotes(text) + " is an address; write `address` for it";
  }
  return std::nullopt;
}

Wrong check_srv_name(std::string& text) {
  const Wrong wrong = in_quotes(text) + " is not a name of SRV records, as in _http._tcp.NAME";
  std::string_view name = text;
  if (name.ends_with('.')) name.remove_suffix(1);
  if (!is_host_name(name) || std::ranges::count(name, '.') < 2) return wrong;
  const std::string_view protocol = name.substr(name.find('.') + 1);
  return name.starts_with('_') && protocol.starts_with('_') ? std::nullopt : wrong;
}

// IP:port, or an IP alone for port 53.
Wrong check_server(std::string& text) {
  if (const auto ip = IpAddress::parse(text)) {
    text = SocketAddress(*ip, 53).to_string();
    return std::nullopt;
  }
  const auto address = SocketAddress::parse(text);
  if (address && address->ip().valid() && address->port() != 0) return std::nullopt;
  return in_quotes(text) + " is not the IP:port or [IPv6]:port of a name server";
}

Value name_value(EndpointSpec& endpoint, EndpointKind kind, Check check) {
  Value out = text(endpoint.address, check);
  out.read = [&endpoint, kind, read = std::move(out.read)](const Reader& in) {
    read(in);
    endpoint.kind = kind;
  };
  return printed_if([&endpoint, kind] { return endpoint.kind == kind; }, std::move(out));
}

}  // namespace

Value dns_name_value(EndpointSpec& endpoint) {
  Value out = name_value(endpoint, EndpointKind::dns, check_dns_name);
  out.schema = [] { return pattern_schema("^[^/: ]+:[0-9]{1,5}$"); };
  return out;
}

Value srv_name_value(EndpointSpec& endpoint) {
  Value out = name_value(endpoint, EndpointKind::srv, check_srv_name);
  out.schema = [] { return pattern_schema("^_[^/: ]+$"); };
  return out;
}

Value name_family_value(EndpointSpec& endpoint) {
  Value out = choice<NameFamily>(
      endpoint.family,
      {{"any", NameFamily::any}, {"ipv4", NameFamily::ipv4}, {"ipv6", NameFamily::ipv6}});
  return printed_if([&endpoint] { return is_name_of(endpoint); }, std::move(out));
}

Value dns_value(Dns& dns) {
  Value servers = texts(dns.servers, check_server);
  servers.schema = [] {
    Tree list = Tree::map({{"type", "array"}, {"uniqueItems", true}, {"items", text_schema()}});
    return any_of({text_schema(), std::move(list)});
  };
  Value out = block(
      {{"min_ttl", duration(dns.min_ttl), "an answer is used at least so long"},
       {"max_ttl", duration(dns.max_ttl), "and at most so long"},
       {"servers", std::move(servers), "IP:port of name servers; none: those of /etc/resolv.conf"},
       {"keep_on_nxdomain", duration(dns.keep_on_nxdomain, Zero::allowed),
        "how long the last addresses of a name that no longer exists stay in use"}});
  out.read = [&dns, read = std::move(out.read)](const Reader& in) {
    read(in);
    if (dns.min_ttl > dns.max_ttl) in.error("`min_ttl` must not be above `max_ttl`");
  };
  return out;
}

bool is_name_of(const EndpointSpec& endpoint) {
  return endpoint.kind != EndpointKind::address ||
         (!endpoint.address.starts_with("unix:") && !SocketAddress::parse(endpoint.address));
}

std::string source_of(const EndpointSpec& endpoint) {
  switch (endpoint.family) {
    case NameFamily::any:
      break;
    case NameFamily::ipv4:
      return endpoint.address + " ipv4";
    case NameFamily::ipv6:
      return endpoint.address + " ipv6";
  }
  return endpoint.address;
}

}  // namespace weir::config
