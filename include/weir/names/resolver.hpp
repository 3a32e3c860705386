// Names into addresses: the hosts file first, then name servers over DNS. Main thread only; nothing
// here blocks it, but for reading the two small files in /etc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/asio.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/time.hpp"
#include "weir/control/name_schedule.hpp"

namespace weir::names {

enum class Family : std::uint8_t { any, ipv4, ipv6 };

struct Question {
  std::string host;  // with a dot at its end it is asked for as it is; of services the SRV name
  std::uint16_t port = 0;  // of the addresses; services say their own
  Family family = Family::any;
  bool services = false;
  std::vector<std::string> servers;  // IP:port, asked without a search list; none: resolv.conf's
  // Which name of the search list had the last answer, "" for none: when that one cannot be asked,
  // the names behind it do not take its place.
  std::string last_name;
};

struct Found {
  SocketAddress address;
  std::uint32_t weight = 1;  // of services, at least 1
  std::uint32_t priority = 0;
  std::string part;    // which of the questions it came from
  std::string host{};  // of services, whose address it is

  friend bool operator==(const Found&, const Found&) = default;
};

// Where an answer is from.
enum class Source : std::uint8_t { none, hosts, loopback, dns };
std::string_view name(Source source) noexcept;

struct Answer {
  control::LookUpEnd end = control::LookUpEnd::failed;
  std::string error;         // "" where something was found
  std::vector<Found> found;  // each address once
  // Questions of which no answer came, although others had one: what was found by them before may
  // still be there.
  std::vector<std::string> lost;
  std::optional<Duration> ttl;  // nothing where it does not say: the hosts file, some negatives
  Source source = Source::none;
  std::string name;  // of the search list, the one that had the answer
};

class Resolver {
 public:
  using Done = std::move_only_function<void(Answer)>;
  virtual ~Resolver() = default;
  // Calls `done` on the main thread, never from within, once, within a bounded time.
  virtual void resolve(Question question, Done done) = 0;
  // `changed` is called when answers may have become others: a file in /etc has. Once it was
  // looked at for a first question.
  virtual void on_change(std::function<void()> changed) = 0;
  // No function is called after this.
  virtual void stop() = 0;
};

struct ResolverLimits {
  // Look-ups at the same time that took no longer than `prompt_time` so far.
  std::size_t prompt = 256;
  // Look-ups at the same time of names that no server answered last time.
  std::size_t slow = 64;
  // Those that took longer and have left their place to others; past it they keep it.
  std::size_t overdue = 1024;
  Duration prompt_time = std::chrono::milliseconds(500);
  // Where one family has an address, the other's answer is waited for no longer.
  Duration other_family = std::chrono::seconds(1);
  Duration longest = std::chrono::seconds(10);
  std::size_t most_targets = 256;  // of SRV records
};

struct SystemFiles {
  std::string hosts = "/etc/hosts";
  std::string resolv_conf = "/etc/resolv.conf";
  Duration interval = std::chrono::seconds(1);  // between looks at them
};

// Nothing of nsswitch.conf but "files dns" is heard of.
std::unique_ptr<Resolver> make_resolver(asio::io_context& main, SystemFiles files = {},
                                        ResolverLimits limits = {});

}  // namespace weir::names
