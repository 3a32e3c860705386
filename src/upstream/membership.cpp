#include "weir/upstream/membership.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::upstream {
namespace {

bool lists(const Membership::Specs& specs, std::string_view address) {
  return std::ranges::any_of(
      specs, [&](const config::EndpointSpec& spec) { return spec.address == address; });
}

// The part of an endpoint's address that its certificate is for.
std::string host_of(const std::string& address) {
  const auto parts = split_host_port(address);
  return parts && !address.starts_with("unix:") ? parts->host : std::string();
}

}  // namespace

std::optional<NamedEndpoint> named_endpoint(const std::string& address) {
  if (SocketAddress::parse(address)) return std::nullopt;
  auto parts = split_host_port(address);
  if (!parts) return std::nullopt;
  return NamedEndpoint{address, std::move(parts->host), parts->port};
}

void Membership::configure(const Specs& specs, const Addresses& found) {
  for (const config::EndpointSpec& spec : specs) {
    const auto known = found.find(spec.address);
    if (known == found.end() || known->second.empty()) continue;
    std::vector<Member>& members = lists_[spec.address];
    members.clear();
    for (const SocketAddress& address : known->second) members.push_back({.address = address});
  }
  stand_ins_ = stand_ins_for(specs);
  specs_ = specs;
  std::erase_if(lists_, [&](const auto& entry) {
    return named_endpoint(entry.first) && !lists(specs_, entry.first);
  });
}

// The endpoints that `next` no longer has stand in for its names that are new and not found: the
// first for the first, and so on, those that are left over for the last.
Membership::StandIns Membership::stand_ins_for(const Specs& next) const {
  StandIns out;
  std::vector<std::string> wanting;
  for (const config::EndpointSpec& spec : next) {
    if (lists_.contains(spec.address) || !named_endpoint(spec.address)) continue;
    if (const auto kept = stand_ins_.find(spec.address); kept != stand_ins_.end()) {
      out.insert(*kept);
    } else if (!lists(specs_, spec.address)) {
      wanting.push_back(spec.address);
    }
  }
  if (wanting.empty()) return out;
  std::size_t place = 0;
  for (const config::EndpointSpec& spec : specs_) {
    if (lists(next, spec.address)) continue;
    std::vector<Listed>& to = out[wanting[std::min(place++, wanting.size() - 1)]];
    std::ranges::move(expand(spec), std::back_inserter(to));
  }
  return out;
}

bool Membership::set(std::string_view source, std::vector<Member> members) {
  const std::string name(source);
  const bool is_name = named_endpoint(name).has_value();
  if (is_name && !lists(specs_, source)) return false;
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

std::vector<Membership::Listed> Membership::expand(const config::EndpointSpec& spec) const {
  if (auto fixed = SocketAddress::parse(spec.address)) {
    return {{spec.address, std::move(*fixed), spec.weight, host_of(spec.address), spec.priority}};
  }
  std::vector<Listed> out;
  if (const auto found = lists_.find(spec.address); found != lists_.end()) {
    for (const Member& member : found->second) {
      out.push_back({member.address.to_string(), member.address, spec.weight, host_of(spec.address),
                     spec.priority});
    }
  } else if (const auto others = stand_ins_.find(spec.address); others != stand_ins_.end()) {
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
    Listed& first = out[at->second];
    first.weight += std::min(one.weight, ~std::uint32_t{0} - first.weight);
    first.priority = std::min(first.priority, one.priority);
  };
  for (const config::EndpointSpec& spec : specs_) {
    for (Listed& one : expand(spec)) add(std::move(one));
  }
  for (const auto& [source, members] : lists_) {
    if (named_endpoint(source)) continue;
    for (const Member& member : members) {
      std::string text = member.address.to_string();
      std::string host = host_of(text);
      add({std::move(text), member.address, member.weight, std::move(host), member.priority});
    }
  }
  return out;
}

std::vector<NamedEndpoint> Membership::names() const {
  std::vector<NamedEndpoint> out;
  for (const config::EndpointSpec& spec : specs_) {
    if (auto name = named_endpoint(spec.address)) out.push_back(std::move(*name));
  }
  return out;
}

std::vector<std::string> Membership::unresolved() const {
  std::vector<std::string> out;
  for (const config::EndpointSpec& spec : specs_) {
    if (named_endpoint(spec.address) && !lists_.contains(spec.address)) out.push_back(spec.address);
  }
  return out;
}

}  // namespace weir::upstream
