#include "names/found_addresses.hpp"

#include <algorithm>

namespace weir::names {

using control::LookUpEnd;

namespace {

bool is_of(const IpAddress& ip, Family family) {
  return family == Family::any || ip.is_v4() == (family == Family::ipv4);
}

}  // namespace

std::string part_of(RecordType type, const std::string& name) {
  return (type == RecordType::aaaa ? "AAAA " : "A ") + name;
}

Addresses local_addresses(const HostsFile& hosts, const std::string& host, Family family) {
  Addresses out;
  out.source = Source::hosts;
  for (const IpAddress& ip : hosts.find(host)) {
    if (is_of(ip, family)) out.found.emplace_back(ip, host);
  }
  if (out.found.empty() && is_localhost(host)) {
    out.source = Source::loopback;
    for (const char* text : {"::1", "127.0.0.1"}) {
      const auto ip = IpAddress::parse(text);
      if (is_of(*ip, family)) out.found.emplace_back(*ip, host);
    }
  }
  if (out.found.empty()) {
    out.source = Source::dns;
  } else {
    out.end = LookUpEnd::found;
  }
  return out;
}

Addresses addresses_of(SearchLookUp::Result result, const std::vector<RecordType>& types) {
  Addresses out;
  out.end = result.end;
  out.error = std::move(result.error);
  if (result.end != LookUpEnd::found) out.ttl = result.negative_ttl;
  out.name = std::move(result.name);
  for (std::size_t i = 0; i < result.outcomes.size(); ++i) {
    const Outcome& outcome = result.outcomes[i];
    const std::string part = part_of(types[i], out.name);
    if (outcome.end == LookUpEnd::failed || outcome.end == LookUpEnd::timed_out) {
      out.lost.push_back(part);
    }
    if (outcome.end != LookUpEnd::found) continue;
    const Duration ttl = outcome.answer.ttl;
    out.ttl = std::min(out.ttl.value_or(ttl), ttl);
    for (const IpAddress& ip : outcome.answer.addresses) {
      // An IPv4 address may come as an IPv6 one, too.
      const auto same = [&](const auto& found) { return found.first == ip; };
      if (std::ranges::none_of(out.found, same)) out.found.emplace_back(ip, part);
    }
  }
  return out;
}

void add_target(Answer& answer, const std::vector<SrvRecord>& records, const std::string& target,
                const Addresses& addresses) {
  for (const SrvRecord& record : records) {
    if (record.target != target) continue;
    for (const auto& [ip, part] : addresses.found) {
      const SocketAddress address(ip, record.port);
      const std::uint32_t weight = std::max<std::uint32_t>(1, record.weight);
      const auto same = std::ranges::find(answer.found, address, &Found::address);
      if (same == answer.found.end()) {
        answer.found.push_back({address, weight, record.priority, part, target});
      } else if (record.priority < same->priority) {
        *same = {address, weight, record.priority, part, target};
      }
    }
  }
}

}  // namespace weir::names
