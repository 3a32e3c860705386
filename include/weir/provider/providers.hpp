// All providers: gathers what is new, decides whether a snapshot has to be made for it, remembers
// what of it is in force, and tells how it was taken. Main thread.
#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
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
#include "weir/config/model.hpp"
#include "weir/provider/document.hpp"
#include "weir/provider/file_provider.hpp"
#include "weir/provider/joining.hpp"
#include "weir/provider/provider.hpp"
#include "weir/telemetry/provider_metrics.hpp"

namespace weir::provider {

struct ProvidersTimes {
  Duration gather = std::chrono::milliseconds(100);  // what comes within is one change
  Duration retry = std::chrono::seconds(10);         // after a build that came to nothing
};

struct ProvidersHooks {
  // Documents have changed: what is in force shall be built anew, with begin_build().
  std::function<void()> rebuild;
  // The endpoints of an upstream in force are others; false where there is none of that name.
  std::function<bool(const EndpointUpdate& update)> endpoints;
  // No provider is waited for any more, as of waits_for().
  std::function<void()> settled;
  // Runs a job on another thread, and what that returns on the main thread, never from within.
  using Then = std::function<void()>;
  std::function<void(std::function<Then()> job)> aside;
  std::function<std::shared_ptr<telemetry::ProviderMetrics>(std::string_view provider)> metrics;
  // Makes the provider of `providers.etcd`; null: the one that asks etcd.
  std::function<std::unique_ptr<Provider>(const config::EtcdProvider&)> make_etcd{};
};

// For GET /config.
struct ProviderView {
  std::string name;
  ProviderState state;
  std::uint64_t rejected = 0;  // as of weir_provider_documents_rejected_total
  std::vector<Verdict> documents;
};

class Providers {
 public:
  Providers(asio::io_context& main, ProvidersHooks hooks, ProvidersTimes times = {});
  ~Providers();
  Providers(const Providers&) = delete;
  Providers& operator=(const Providers&) = delete;

  // The configuration of the file that is in force, or is the first one: listens to those that it
  // names, and to no others. Where one is new, what of it was in force before is read from
  // server.state_dir; blocks for that.
  void configure(const config::Config& config);

  // A build begins: what it has to join. What comes until ended() waits.
  std::shared_ptr<const Inputs> begin_build();
  // What of them is in force now; null: the configuration has no providers. Before ended().
  void committed(const Joined* joined, std::uint64_t generation);
  // The build is over; `why_not`: why it came to nothing, "" where it did not.
  void ended(const std::string& why_not);
  // The inputs that made what is in force, for a look at what the file would come to.
  std::shared_ptr<const Inputs> in_force() const;
  // Endpoints that are other than those of the last build, by upstream.
  const std::map<std::string, std::vector<config::EndpointSpec>, std::less<>>& updates()
      const noexcept {
    return updates_;
  }

  // What is in force is written to server.state_dir (the default) or not: another process has that
  // folder. Writes what was not written when it begins to.
  void keep(bool keeps);

  FileProvider& file() noexcept { return file_; }
  // Providers that have given no list yet, in words; "" for none.
  std::string waits_for() const;
  // The file first; empty without providers.
  std::vector<ProviderView> views() const;
  void stop();

 private:
  using Known = std::shared_ptr<const KnownDocument>;
  struct Remote {
    config::EtcdProvider settings;
    std::unique_ptr<Provider> provider;
    std::map<std::string, Known, std::less<>> now;     // as it has them, by name
    std::map<std::string, Known, std::less<>> judged;  // as the last build found them
    bool is_listed = false;                            // it has given a list
    bool is_settled = false;                           // and that was built
    bool was_up = false;
    std::string told_error;
    std::vector<Verdict> verdicts;
    std::set<std::string> rejected;  // "name\nversion" of what was told
    std::shared_ptr<telemetry::ProviderMetrics> metrics;
  };
  struct Change {
    std::string name;
    Known before;
    Known after;
  };

  void told();
  void tell_state(Remote& remote);
  void arm(Duration after);
  void look();
  void refresh(Remote& remote);
  // What differs from what was judged; nothing where that needs a build.
  std::optional<std::vector<Change>> endpoint_candidates(const Remote& remote) const;
  void compare(std::vector<Change> changes);
  void compared(const std::vector<Change>& changes,
                const std::vector<std::optional<std::vector<config::EndpointChange>>>& found);
  InForce* find_in_force(const std::string& name);
  void judge(Remote& remote, const Joined& joined);
  void settle(Remote& remote);
  void judge_again(Remote& remote) const;
  void save();
  void load(Remote& remote);
  std::string state_file() const;
  bool is_other(const Remote& remote) const;

  const ProvidersHooks hooks_;
  const ProvidersTimes times_;
  asio::io_context& main_;
  asio::steady_timer timer_;
  FileProvider file_;
  std::optional<Remote> etcd_;
  std::vector<InForce> in_force_;
  std::map<std::string, std::vector<config::EndpointSpec>, std::less<>> updates_;
  std::string state_dir_;     // "" for none
  bool needs_build_ = false;  // what was read from disk is in no snapshot
  bool armed_ = false;
  bool building_ = false;
  bool comparing_ = false;
  bool dirty_ = false;  // something came meanwhile
  bool keeps_ = true;   // state_dir is this process's
  bool saving_ = false;
  bool save_again_ = false;
  bool stopped_ = false;
  std::shared_ptr<std::atomic<bool>> posted_ = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // until stop()
};

}  // namespace weir::provider
