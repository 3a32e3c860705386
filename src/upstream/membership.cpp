#include "weir/upstream/membership.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <unordered_set>
#include <utility>

namespace weir::upstream {
namespace {

std::string without_end_dot(std::string host) {
  if (host.ends_with('.')) host.pop_back();
  return host;
}

// What is behind _SERVICE and _PROTOCOL: whoever answers for a name server could put any host
// there, so a certificate is for what was configured (RFC 6125).
std::string domain_of_services(const std::string& name) {
  const std::size_t protocol = name.find('.');
  const std::size_t domain =
      protocol == std::string::npos ? protocol : name.find('.', protocol + 1);
  return domain == std::string::npos ? name : name.substr(domain + 1);
}

// The part of an endpoint's address that its certificate is for.
std::string host_of(const std::string& address) {
  const auto parts = split_host_port(address);
  return parts && !address.starts_with("unix:") ? without_end_dot(parts->host) : std::string();
}

std::string host_of(const config::EndpointSpec& spec) {
  return spec.kind == config::EndpointKind::srv ? without_end_dot(domain_of_services(spec.address))
                                                : host_of(spec.address);
}

std::uint32_t product(std::uint32_t a, std::uint32_t b) {
  const std::uint64_t both = std::uint64_t{a} * b;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(both, ~std::uint32_t{0}));
}

std::string host_in(const std::string& source, const Member& member) {
  return source + '\n' + member.host + '\n' + std::to_string(member.address.port());
}

bool is_v4(const SocketAddress& address) { return address.ip().is_v4(); }
bool is_v6(const SocketAddress& address) { return address.ip().is_v6(); }

}  // namespace

std::optional<NamedEndpoint> named_endpoint(const config::EndpointSpec& spec) {
  if (!config::is_name_of(spec)) return std::nullopt;
  NamedEndpoint out;
  out.text = config::source_of(spec);
  out.family = spec.family;
  out.services = spec.kind == config::EndpointKind::srv;
  if (out.services) {
    out.host = spec.address;
    return out;
  }
  auto parts = split_host_port(spec.address);
  if (!parts) return std::nullopt;
  out.host = std::move(parts->host);
  out.port = parts->port;
  return out;
}

std::vector<NamedEndpoint> named_endpoints(const config::Upstream& upstream) {
  Membership members;
  members.configure(upstream.endpoints, {},
                    upstream.endpoints_from ? &*upstream.endpoints_from : nullptr);
  return members.names(upstream.dns);
}

Membership::Sources Membership::sources_of(const Specs& specs) {
  Sources out;
  for (const config::EndpointSpec& spec : specs) out.insert(config::source_of(spec));
  return out;
}

const std::string& Membership::source_at(std::size_t place) const noexcept {
  static const std::string configuration;
  return place < configured_ ? configuration : file_;
}

void Membership::configure(const Specs& specs, const Addresses& found,
                           const config::EndpointsFrom* from) {
  const auto before = specs_.begin() + static_cast<std::ptrdiff_t>(configured_);
  Specs next = specs;
  std::string file;
  TimePoint read_at{};
  if (from != nullptr) {
    file = config::source_of(*from);
    read_at = from->read_at;
    const bool is_older = file == file_ && read_at < read_at_;
    const bool lists_some = from->listed && !from->listed->empty();
    if (is_older) read_at = read_at_;
    if (is_older || !lists_some) {
      next.insert(next.end(), before, specs_.end());
    } else {
      next.insert(next.end(), from->listed->begin(), from->listed->end());
    }
  }
  take(std::move(next), found);
  configured_ = specs.size();
  file_ = std::move(file);
  read_at_ = read_at;
}

bool Membership::set_listed(const Specs& listed, TimePoint read_at) {
  if (file_.empty() || read_at < read_at_) return false;
  read_at_ = read_at;
  const auto before = specs_.begin() + static_cast<std::ptrdiff_t>(configured_);
  if (std::ranges::equal(before, specs_.end(), listed.begin(), listed.end())) return false;
  Specs next(specs_.begin(), before);
  next.insert(next.end(), listed.begin(), listed.end());
  take(std::move(next), {});
  return true;
}

void Membership::take(Specs next, const Addresses& found) {
  Sources sources = sources_of(next);
  for (const auto& [source, members] : found) {
    if (!members.empty() && sources.contains(source)) lists_[source] = members;
  }
  stand_ins_ = stand_ins_for(next, sources);
  for (const config::EndpointSpec& spec : specs_) {
    const std::string source = config::source_of(spec);
    if (config::is_name_of(spec) && !sources.contains(source)) lists_.erase(source);
  }
  specs_ = std::move(next);
  sources_ = std::move(sources);
}

// The endpoints that `next` no longer has stand in for its names that are new and not found: the
// first for the first, and so on, those that are left over for the last.
Membership::StandIns Membership::stand_ins_for(const Specs& next, const Sources& sources) const {
  StandIns out;
  std::vector<std::string> wanting;
  for (const config::EndpointSpec& spec : next) {
    const std::string source = config::source_of(spec);
    if (lists_.contains(source) || !config::is_name_of(spec)) continue;
    if (const auto kept = stand_ins_.find(source); kept != stand_ins_.end()) {
      out.insert(*kept);
    } else if (!sources_.contains(source)) {
      wanting.push_back(source);
    }
  }
  if (wanting.empty()) return out;
  std::size_t place = 0;
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    if (sources.contains(config::source_of(specs_[i]))) continue;
    std::vector<Listed>& to = out[wanting[std::min(place++, wanting.size() - 1)]];
    std::ranges::move(expand(specs_[i], source_at(i)), std::back_inserter(to));
  }
  return out;
}

bool Membership::set(std::string_view source, std::vector<Member> members) {
  const std::string name(source);
  // Others than names never look like one.
  const bool is_name = name.contains(':') || name.starts_with('_');
  if (is_name && !sources_.contains(name)) return false;
  const auto at = lists_.find(source);
  const bool same =
      at == lists_.end() ? members.empty() : std::ranges::is_permutation(at->second, members);
  if (same) return false;
  if (members.empty()) {
    lists_.erase(at);
  } else {
    lists_.insert_or_assign(name, std::move(members));
    stand_ins_.erase(name);
  }
  return true;
}

std::vector<Membership::Listed> Membership::expand(const config::EndpointSpec& spec,
                                                   const std::string& whose) const {
  if (!config::is_name_of(spec)) {
    auto fixed = SocketAddress::parse(spec.address);
    if (!fixed) return {};
    return {{.text = spec.address,
             .address = std::move(*fixed),
             .weight = spec.weight,
             .host = host_of(spec),
             .priority = spec.priority,
             .zone = spec.zone,
             .sources = {whose}}};
  }
  std::vector<Listed> out;
  const std::string source = config::source_of(spec);
  if (const auto found = lists_.find(source); found != lists_.end()) {
    std::unordered_set<std::string> with_v6;
    for (const Member& member : found->second) {
      if (is_v6(member.address)) with_v6.insert(host_in(source, member));
    }
    for (const Member& member : found->second) {
      std::string host = host_in(source, member);
      const bool is_second = is_v4(member.address) && with_v6.contains(host);
      out.push_back({.text = member.address.to_string(),
                     .address = member.address,
                     .weight = product(spec.weight, member.weight),
                     .host = host_of(spec),
                     .priority = spec.priority + member.priority,
                     .zone = member.zone.empty() ? spec.zone : member.zone,
                     .sources = {source},
                     .is_found = true,
                     .hosts_of = {std::move(host)},
                     .is_second = is_second});
    }
  } else if (const auto others = stand_ins_.find(source); others != stand_ins_.end()) {
    out = others->second;
    for (Listed& one : out) {
      one.weight = spec.weight;
      one.priority = spec.priority;
    }
  }
  return out;
}

std::vector<Membership::Listed> Membership::list() const {
  std::vector<Listed> out;
  std::unordered_map<std::string, std::size_t> places;  // of each address in `out`
  const auto add = [&](Listed one) {
    const auto [at, is_new] = places.try_emplace(one.address.to_string(), out.size());
    if (is_new) return out.push_back(std::move(one));
    Listed& both = out[at->second];
    both.weight += std::min(one.weight, ~std::uint32_t{0} - both.weight);
    both.priority = std::min(both.priority, one.priority);
    if (both.zone.empty()) both.zone = std::move(one.zone);
    for (std::string& source : one.sources) {
      const bool is_told = std::ranges::find(both.sources, source) != both.sources.end();
      if (!is_told) both.sources.push_back(std::move(source));
    }
    both.is_found = both.is_found || one.is_found;
    std::ranges::move(one.hosts_of, std::back_inserter(both.hosts_of));
    both.is_second = both.is_second && one.is_second;
  };
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    for (Listed& one : expand(specs_[i], source_at(i))) add(std::move(one));
  }
  for (const auto& [source, members] : lists_) {
    if (sources_.contains(source)) continue;
    for (const Member& member : members) {
      std::string text = member.address.to_string();
      std::string host = host_of(text);
      add({.text = std::move(text),
           .address = member.address,
           .weight = member.weight,
           .host = std::move(host),
           .priority = member.priority,
           .zone = member.zone,
           .sources = {source},
           .is_found = true});
    }
  }
  return out;
}

std::vector<std::string> Membership::unresolved() const {
  std::vector<std::string> out;
  Sources told;
  for (const config::EndpointSpec& spec : specs_) {
    std::string source = config::source_of(spec);
    if (!config::is_name_of(spec) || lists_.contains(source)) continue;
    if (told.insert(source).second) out.push_back(std::move(source));
  }
  return out;
}

std::vector<NamedEndpoint> Membership::names(const config::Dns& dns) const {
  std::vector<NamedEndpoint> out;
  Sources told;
  for (const config::EndpointSpec& spec : specs_) {
    auto name = named_endpoint(spec);
    if (!name || !told.insert(name->text).second) continue;
    name->dns = dns;
    out.push_back(std::move(*name));
  }
  return out;
}

}  // namespace weir::upstream
