#include "weir/names/resolv_conf.hpp"

#include <algorithm>
#include <optional>

#include "names/lines.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/text.hpp"

namespace weir::names {
namespace {

std::string_view without_end_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

// The number of "ndots:5"; as glibc does it, one that is too large is the largest.
std::optional<unsigned> number_of(std::string_view option, std::string_view key, unsigned most) {
  if (!option.starts_with(key)) return std::nullopt;
  const auto value = parse_decimal(option.substr(key.size()));
  if (!value) return std::nullopt;
  return static_cast<unsigned>(std::min<std::uint64_t>(*value, most));
}

void read_option(std::string_view option, ResolvConf& out) {
  if (const auto ndots = number_of(option, "ndots:", 15)) out.ndots = *ndots;
  if (const auto seconds = number_of(option, "timeout:", 30)) {
    out.timeout = std::chrono::seconds(std::max(1U, *seconds));
  }
  if (const auto attempts = number_of(option, "attempts:", 5)) {
    out.attempts = std::max(1U, *attempts);
  }
  out.rotate |= option == "rotate";
  out.tcp |= option == "use-vc";
  out.no_aaaa |= option == "no-aaaa";
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text, std::string_view host_name) {
  ResolvConf out;
  std::vector<std::string> servers;
  bool names_domains = false;
  const auto search = [&](std::string_view line, std::size_t most) {
    names_domains = true;
    out.search.clear();
    for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
      const std::string_view domain = without_end_dot(word);
      if (!domain.empty() && out.search.size() < most) out.search.emplace_back(to_lower(domain));
    }
  };
  for_each_line(text, "#;", [&](std::string_view line) {
    const std::string_view key = next_word(line);
    if (key == "nameserver") {
      const auto ip = IpAddress::parse(next_word(line));
      if (ip && servers.size() < ResolvConf::most_servers) {
        servers.push_back(SocketAddress(*ip, 53).to_string());
      }
    } else if (key == "search") {
      search(line, ResolvConf::most_domains);
    } else if (key == "domain") {
      search(line, 1);
    } else if (key == "options") {
      for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
        read_option(word, out);
      }
    }
  });
  if (!servers.empty()) out.servers = std::move(servers);
  const std::size_t dot = host_name.find('.');
  if (!names_domains && dot != std::string_view::npos && dot + 1 < host_name.size()) {
    out.search.emplace_back(to_lower(without_end_dot(host_name.substr(dot + 1))));
  }
  return out;
}

std::vector<std::string> candidates(std::string_view name, const ResolvConf& conf) {
  constexpr std::size_t longest = 253;
  if (name.ends_with('.')) return {to_lower(without_end_dot(name))};
  const bool as_it_is_first = static_cast<unsigned>(std::ranges::count(name, '.')) >= conf.ndots;
  std::vector<std::string> out;
  if (as_it_is_first) out.emplace_back(to_lower(name));
  for (const std::string& domain : conf.search) {
    if (name.size() + 1 + domain.size() > longest) continue;
    out.push_back(to_lower(name) + "." + domain);
  }
  if (!as_it_is_first) out.emplace_back(to_lower(name));
  return out;
}

}  // namespace weir::names
