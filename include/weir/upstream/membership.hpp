// Who serves an upstream: what its configuration lists and what others found (the addresses of
// names), joined by address. A plain value: whoever shares one synchronises.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weir/base/ip.hpp"
#include "weir/config/model.hpp"

namespace weir::upstream {

// An endpoint by name, as Discovery resolves it.
struct NamedEndpoint {
  std::string text;  // source_of() its configuration: "NAME:port", perhaps with a family behind it
  std::string host;
  std::uint16_t port = 0;  // 0 of SRV records, which have their own
  config::NameFamily family = config::NameFamily::any;
  bool services = false;  // SRV records
  config::Dns dns;        // as its upstream says
};

// Nothing for one that is an address.
std::optional<NamedEndpoint> named_endpoint(const config::EndpointSpec& spec);
// Those of an upstream.
std::vector<NamedEndpoint> named_endpoints(const config::Upstream& upstream);

// An address that a source lists. Of a name's addresses each has the name's configured weight,
// times this one, and the name's configured priority, and this one on top.
struct Member {
  SocketAddress address;
  std::uint32_t weight = 1;
  std::uint32_t priority = 0;  // of SRV records
  std::string host{};          // of SRV records: whose address it is
  std::string zone{};          // where it is; "": where its configured name is

  friend bool operator==(const Member&, const Member&) = default;
};

// What named endpoints of one upstream have, by their texts.
using Addresses = std::unordered_map<std::string, std::vector<Member>>;

class Membership {
 public:
  using Specs = std::vector<config::EndpointSpec>;
  struct Listed {
    std::string text;  // as configured, or ip:port
    SocketAddress address;
    std::uint32_t weight = 1;
    std::string host;  // for which its certificate must be; "" of a unix socket
    std::uint32_t priority = 0;
    std::string zone{};                // of the first who lists it and names one; "": none
    std::vector<std::string> sources;  // names and others that list it; "" is the configuration
    // Tells the addresses of one host and port apart from the others of a name: one of `hosts_of`
    // for each name.
    std::vector<std::string> hosts_of{};
    // An IPv4 address whose hosts all have IPv6 addresses, too, and may use either: those come
    // first.
    bool is_second = false;
  };

  // What the configuration lists from now on. `found`: addresses of its names, which may be new
  // ones. While a new name has no address, the endpoints that it replaces in `specs` serve on.
  void configure(const Specs& specs, const Addresses& found);
  // What `source` lists from now on: a configured name (its text), or another source, which is
  // forgotten when its list is empty. False when nothing changes by that, in whatever order its
  // members are, and of a name that is not configured.
  bool set(std::string_view source, std::vector<Member> members);

  // Each address once, with the weights of all who list it added up, and the lowest of their
  // priorities; in the order of the
  // configuration, then of the other sources' names.
  std::vector<Listed> list() const;
  // Texts of those without an address.
  std::vector<std::string> unresolved() const;

 private:
  // Endpoints that are no longer configured and serve until the name that replaced them is found.
  using StandIns = std::unordered_map<std::string, std::vector<Listed>>;  // by the new name

  std::vector<Listed> expand(const config::EndpointSpec& spec) const;
  StandIns stand_ins_for(const Specs& next) const;

  Specs specs_;
  std::map<std::string, std::vector<Member>, std::less<>> lists_;  // by source; no empty ones
  StandIns stand_ins_;
};

}  // namespace weir::upstream
