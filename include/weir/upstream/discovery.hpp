// Finds the addresses of endpoints that are names, and keeps them as long as they hold. Each name
// is asked once for all upstreams that have it and look it up the same way: when it first appears,
// when its answer's time is over (control/name_schedule says when), when a connect to one of its
// addresses failed, when a file in /etc has changed, and, without an address, whenever a
// configuration is prepared. All addresses become endpoints. Main thread only.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/asio.hpp"
#include "weir/base/time.hpp"
#include "weir/control/name_schedule.hpp"
#include "weir/names/resolver.hpp"
#include "weir/upstream/cluster.hpp"
#include "weir/upstream/name_info.hpp"
#include "weir/upstream/registry.hpp"

namespace weir::upstream {

struct DiscoveryTimes {
  // How long prepare() waits for names that are new, and for those that were asked before or are in
  // use, and have no address: a name that is never found shall not delay every reload.
  Duration wait_for_new = std::chrono::seconds(5);
  Duration wait_again = std::chrono::seconds(1);
};

// What became of a look-up.
struct LookUpReport {
  control::LookUpEnd end = control::LookUpEnd::found;
  std::string_view error;     // "" where something was found
  std::size_t addresses = 0;  // of the name from now on; with an error those of before
};

class Discovery {
 public:
  // Told once for each upstream that has the name: of look-ups, after the cluster knows.
  using Report = std::function<void(std::string_view upstream, std::string_view name,
                                    const LookUpReport& report)>;

  Discovery(asio::io_context& main, std::unique_ptr<names::Resolver> resolver, Report report,
            DiscoveryTimes times = {});
  ~Discovery();
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;

  // Before a configuration is in use: asks at once for those names of `upstreams` that have no
  // address. Calls `then` once, when all of them were answered, found or not, or the times above
  // are over; from within this call when nothing is to be waited for. It gets the addresses of all
  // names that have any. One at a time: a further call takes the place of one that waits.
  void prepare(std::span<const config::Upstream> upstreams,
               std::move_only_function<void(AddressesByUpstream)> then);
  // The clusters of the configuration in use, after each commit(): their names are looked up from
  // now on, and no others.
  void watch(std::span<const std::shared_ptr<Cluster>> clusters);
  // As RegistryHooks tells it.
  void connect_failed(const Cluster& cluster, std::string_view address);
  // In the order of the configuration.
  std::vector<NameInfo> describe(const Cluster& cluster) const;
  void stop();

 private:
  struct Name {
    std::string key;
    NamedEndpoint endpoint;
    control::NameSchedule schedule;
    std::vector<std::weak_ptr<Cluster>> users;
    std::vector<names::Found> found;  // the last good ones
    names::Source source = names::Source::none;
    std::string found_as;
    bool timeless = false;                     // they hold until something changes
    std::string error;                         // of the last look-up
    std::optional<control::LookUpEnd> untold;  // what the last look-up came to, until it is told
    bool asked = false;                        // the answer is due
    bool answered = false;                     // at least once
    bool once_more = false;                    // something changed while it was asked
    TimePoint due{};                           // its place in due_, while not asked
  };
  struct Preparing {
    std::vector<std::pair<std::string, std::string>> names;  // upstream, key
    std::set<std::string, std::less<>> first;                // never answered before
    std::set<std::string, std::less<>> again;
    TimePoint until;
    std::move_only_function<void(AddressesByUpstream)> then;
  };
  static std::string key_of(const NamedEndpoint& endpoint);
  static control::NameRules rules_of(const NamedEndpoint& endpoint);
  static std::vector<Member> members_of(const Name& name);
  Name& name_of(const NamedEndpoint& endpoint);
  void ask(Name& name);
  void answered(const std::string& key, names::Answer answer);
  void take(Name& name, names::Answer& answer);
  void give(const Name& name) const;
  void report(Name& name) const;
  void plan(Name& name);
  void changed();
  void schedule();
  void limit_preparing(TimePoint at);
  void look_at_preparing();

  std::unique_ptr<names::Resolver> resolver_;
  Report report_;
  DiscoveryTimes times_;
  std::map<std::string, Name, std::less<>> names_;  // by key_of()
  std::set<std::pair<TimePoint, Name*>> due_;       // those that are not asked now
  asio::steady_timer timer_;
  TimePoint timer_at_ = TimePoint::max();
  std::optional<Preparing> preparing_;
  asio::steady_timer preparing_timer_;
  bool stopped_ = false;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // until stop()
};

}  // namespace weir::upstream
