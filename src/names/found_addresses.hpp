// From answers to the addresses of one host. Pure.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "names/address_look_up.hpp"
#include "weir/names/hosts_file.hpp"
#include "weir/names/resolver.hpp"

namespace weir::names {

// What the addresses of one host came to.
struct Addresses {
  control::LookUpEnd end = control::LookUpEnd::timed_out;
  std::string error;
  std::vector<std::pair<IpAddress, std::string>> found;  // with their parts
  std::vector<std::string> lost;
  std::optional<Duration> ttl;
  Source source = Source::dns;
  std::string name;
};

// As in Found::part.
std::string part_of(RecordType type, const std::string& name);
// What needs no name server: `end` is found, or it has to be asked.
Addresses local_addresses(const HostsFile& hosts, const std::string& host, Family family);
// `types` as they were asked for.
Addresses addresses_of(SearchLookUp::Result result, const std::vector<RecordType>& types);
// To `answer` the addresses of one target; of those with the same address the one of the lowest
// priority stays.
void add_target(Answer& answer, const std::vector<SrvRecord>& records, const std::string& target,
                const Addresses& addresses);

}  // namespace weir::names
