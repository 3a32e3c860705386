// Who serves an upstream: what its configuration and the file of its `endpoints_from` list, and
// what others found (the addresses of names), joined by address. A plain value: whoever shares one
// synchronises.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "weir/base/ip.hpp"
#include "weir/base/time.hpp"
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
// Those of an upstream, with those that its file listed when its configuration was read.
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
    std::string zone{};  // of the first who lists it and names one; "": none
    // Names and others that list it; "" is the configuration, of a file source_of() that.
    std::vector<std::string> sources;
    bool is_found = false;  // by others than the configuration and its file
    // Tells the addresses of one host and port apart from the others of a name: one of `hosts_of`
    // for each name.
    std::vector<std::string> hosts_of{};
    // An IPv4 address whose hosts all have IPv6 addresses, too, and may use either: those come
    // first.
    bool is_second = false;
  };

  // What the configuration lists from now on, and its file, null for none. `found`: addresses of
  // their names, which may be new ones. While a new name has no address, the endpoints that it
  // replaces serve on. A file's empty list takes nobody's place (set_listed() does), and one that
  // was read before the list that is in force, neither.
  void configure(const Specs& specs, const Addresses& found,
                 const config::EndpointsFrom* from = nullptr);
  // What the configured file lists from now on, by a reading that began at `read_at`. False when
  // nothing changes by that, without a configured file, and when it is older than what is in force.
  bool set_listed(const Specs& listed, TimePoint read_at);
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
  // Each once; looked up as `dns` says.
  std::vector<NamedEndpoint> names(const config::Dns& dns) const;

 private:
  // Endpoints that are no longer configured and serve until the name that replaced them is found.
  using StandIns = std::unordered_map<std::string, std::vector<Listed>>;  // by the new name

  using Sources = std::unordered_set<std::string>;
  static Sources sources_of(const Specs& specs);
  // `source`: whose the spec is.
  std::vector<Listed> expand(const config::EndpointSpec& spec, const std::string& source) const;
  const std::string& source_at(std::size_t place) const noexcept;
  StandIns stand_ins_for(const Specs& next, const Sources& sources) const;
  void take(Specs next, const Addresses& found);

  Specs specs_;                 // the configuration's, then those of its file
  Sources sources_;             // of these
  std::size_t configured_ = 0;  // how many of specs_ are the configuration's
  std::string file_;            // source_of() the file, "" for none
  TimePoint read_at_{};         // when what it lists was read
  std::map<std::string, std::vector<Member>, std::less<>> lists_;  // by source; no empty ones
  StandIns stand_ins_;
};

}  // namespace weir::upstream
