// Finds the addresses of endpoints that are host names. Each name is asked once for all upstreams
// that have it: when it first appears, every 30 s while it has addresses (the last good ones stay
// when a look-up fails), and without any after 1, 2, 4 ... 30 s and whenever a configuration is
// prepared. All addresses become endpoints. Main thread only.
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
#include "weir/base/ip.hpp"
#include "weir/base/time.hpp"
#include "weir/upstream/cluster.hpp"
#include "weir/upstream/resolver.hpp"

namespace weir::upstream {

struct DiscoveryTimes {
  Duration interval = std::chrono::seconds(30);    // between look-ups of a name with addresses
  Duration first_retry = std::chrono::seconds(1);  // of one without; doubles up to `interval`
  // How long prepare() waits for names that are new, and for those that were asked before or are in
  // use, and have no address: a name that is never found shall not delay every reload.
  Duration wait_for_new = std::chrono::seconds(5);
  Duration wait_again = std::chrono::seconds(1);
};

class Discovery {
 public:
  // What became of a look-up of `name`, told once for each upstream that has it: `error` is "" for
  // none, `addresses` how many were found. From look-ups and from watch(), after the cluster knows.
  using Report = std::function<void(std::string_view upstream, std::string_view name,
                                    std::string_view error, std::size_t addresses)>;

  Discovery(asio::io_context& main, std::unique_ptr<Resolver> resolver, Report report,
            DiscoveryTimes times = {});
  ~Discovery();
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;

  // Before a configuration is in use: asks at once for those of `names` that have no address. Calls
  // `then` once, when all of them were answered, found or not, or the times above are over; from
  // within this call when nothing is to be waited for. It gets the addresses of all `names` that
  // have any. One at a time: a further call takes the place of one that waits.
  void prepare(std::span<const NamedEndpoint> names, std::move_only_function<void(Addresses)> then);
  // The clusters of the configuration in use, after each commit(): their names are looked up from
  // now on, and no others.
  void watch(std::span<const std::shared_ptr<Cluster>> clusters);
  void stop();

 private:
  struct Name {
    NamedEndpoint endpoint;
    std::vector<std::weak_ptr<Cluster>> users;
    std::vector<SocketAddress> addresses;  // the last good ones
    std::string error;                     // of the last look-up
    bool asked = false;                    // the answer is due
    bool answered = false;                 // at least once
    Duration pause{};                      // before it is asked again, while without addresses
    TimePoint due{};                       // its place in due_, while not asked
  };
  struct Preparing {
    std::vector<std::string> names;
    std::set<std::string, std::less<>> first;  // never answered before
    std::set<std::string, std::less<>> again;
    TimePoint until;
    std::move_only_function<void(Addresses)> then;
  };
  Name& name_of(const NamedEndpoint& endpoint);
  void ask(Name& name);
  void answered(const std::string& text, std::string error, std::vector<SocketAddress> addresses);
  void give(const Name& name, std::size_t found);
  void plan(Name& name);
  void schedule();
  void limit_preparing(TimePoint at);
  void look_at_preparing();

  std::unique_ptr<Resolver> resolver_;
  Report report_;
  DiscoveryTimes times_;
  std::map<std::string, Name, std::less<>> names_;  // by NAME:port
  std::set<std::pair<TimePoint, Name*>> due_;       // those that are not asked now
  asio::steady_timer timer_;
  TimePoint timer_at_ = TimePoint::max();
  std::optional<Preparing> preparing_;
  asio::steady_timer preparing_timer_;
  bool stopped_ = false;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // until stop()
};

// The endpoints of `upstreams` that are host names.
std::vector<NamedEndpoint> named_endpoints(std::span<const config::Upstream> upstreams);

}  // namespace weir::upstream
