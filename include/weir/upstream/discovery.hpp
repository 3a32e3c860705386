// Finds the addresses of endpoints that are host names: when they are first watched and at an
// interval. All addresses become endpoints; the last good ones stay when a look-up fails. A name
// that was never found leaves its cluster without those endpoints: requests then get
// no_healthy_endpoint, the start is not stopped. Main thread only.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/asio.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/time.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir::upstream {

// Turns a name into addresses without blocking: calls `done` on the main thread, later, with an
// error text ("" for none) and what was found.
class Resolver {
 public:
  using Done =
      std::move_only_function<void(std::string error, std::vector<SocketAddress> addresses)>;
  virtual ~Resolver() = default;
  virtual void resolve(const std::string& host, std::uint16_t port, Done done) = 0;
  // No `done` is called after this.
  virtual void stop() = 0;
};

// The system's resolver, on a thread of Asio's.
std::unique_ptr<Resolver> make_system_resolver(asio::io_context& main);

class Discovery {
 public:
  // What became of a look-up, for the log.
  using Report = std::function<void(std::string_view upstream, std::string_view name,
                                    std::string_view error, std::size_t addresses)>;

  Discovery(asio::io_context& main, std::unique_ptr<Resolver> resolver, Report report,
            Duration interval = std::chrono::seconds(30));
  ~Discovery();
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;

  // Looks up the cluster's names now and from time to time, until it is retired or gone. Call it
  // again after each commit() for every cluster: names that came are found at once.
  void watch(std::shared_ptr<Cluster> cluster);
  // Calls `then` once, when every name watched so far has been looked up at least once, found or
  // not; from within this call when that is so already.
  void when_settled(std::move_only_function<void()> then);
  void stop();

 private:
  struct Name {
    std::string text;
    bool asked = false;  // the answer is due
  };
  struct Watch {
    std::weak_ptr<Cluster> cluster;
    std::vector<Name> names;  // looked up at least once
  };
  // Asks for the names that are new, or for all.
  void look_up(Watch& watch, bool all);
  void ask(const std::shared_ptr<Cluster>& cluster, const NamedEndpoint& name, bool first);
  void answered(const std::shared_ptr<Cluster>& cluster, const std::string& text,
                const std::string& error, std::vector<SocketAddress> addresses);
  void schedule();
  void settle();

  std::unique_ptr<Resolver> resolver_;
  Report report_;
  Duration interval_;
  asio::steady_timer timer_;
  std::vector<Watch> watches_;
  std::vector<std::move_only_function<void()>> settled_;
  std::size_t first_answers_due_ = 0;
  bool scheduled_ = false;
  bool stopped_ = false;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // until stop()
};

}  // namespace weir::upstream
