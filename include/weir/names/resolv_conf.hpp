// What a resolv.conf(5) says, as far as it matters here. A value; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "weir/base/time.hpp"

namespace weir::names {

struct ResolvConf {
  static constexpr std::size_t most_servers = 8;
  static constexpr std::size_t most_domains = 32;

  std::vector<std::string> servers{"127.0.0.1:53"};  // IP:port, the first is asked first
  std::vector<std::string> search;                   // domains, without a dot at their end
  unsigned ndots = 1;                                // 0 to 15
  // Of one question to one server, the first time; the longer, the more often it was asked.
  Duration timeout = std::chrono::seconds(1);
  unsigned attempts = 3;  // at each server; 1 to 5
  bool rotate = false;    // servers take turns
  bool tcp = false;       // "use-vc"
  bool no_aaaa = false;   // nobody is asked for IPv6 addresses

  friend bool operator==(const ResolvConf&, const ResolvConf&) = default;
};

// Lines and options that mean nothing here are passed over. `host_name`: this machine's, whose
// domain is searched where the file names none.
ResolvConf parse_resolv_conf(std::string_view text, std::string_view host_name);

// The names that are asked for one after the other until one has an answer, none with a dot at its
// end. A name with one is asked for as it is.
std::vector<std::string> candidates(std::string_view name, const ResolvConf& conf);

}  // namespace weir::names
