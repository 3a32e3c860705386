// The lists of `endpoints_from: {etcd: ...}`: keys below a prefix, each an endpoint, which go to
// their clusters as they change, without a snapshot. A key whose value is wrong keeps what it had;
// an empty list is in force only after a while (control/empty_list). Main thread.
#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/asio.hpp"
#include "weir/base/time.hpp"
#include "weir/config/endpoints_file.hpp"
#include "weir/config/providers.hpp"
#include "weir/control/empty_list.hpp"

namespace weir::provider {

namespace etcd {
class Client;
class WatchedPrefix;
struct KeyValue;
}  // namespace etcd

struct WantedList {
  std::string upstream;
  config::EtcdEndpoints etcd;
  Duration empty_after{};
};

// What is known of one.
struct ListInfo {
  std::string from;           // "etcd:/services/orders/"
  std::size_t endpoints = 0;  // that it lists
  std::string error;    // why not all of it could be taken, or that etcd is away; "" for nothing
  Duration read_ago{};  // since it was taken
  std::optional<Duration> empty_in{};  // until its empty list is in force; not negative
};

class EndpointLists {
 public:
  // False when the upstream has that list.
  using Take = std::function<bool(std::string_view upstream, const config::ListedEndpoints& listed,
                                  TimePoint read_at)>;
  using Report = std::function<void(std::string_view upstream, const ListInfo& info)>;

  // `changed`: some were taken, with names that are perhaps new, or one is not waited for any more.
  EndpointLists(asio::io_context& main, Take take, Report report, std::function<void()> changed,
                Duration gather = std::chrono::milliseconds(100));
  ~EndpointLists();
  EndpointLists(const EndpointLists&) = delete;
  EndpointLists& operator=(const EndpointLists&) = delete;

  // Those of the configuration in use, after each commit: they are watched from now on, and no
  // others.
  void watch(const std::vector<WantedList>& wanted);
  std::optional<ListInfo> describe(std::string_view upstream) const;
  // Lists that have not come yet, in words; "" for none.
  std::string waits_for() const;
  void stop();

 private:
  using Value = std::shared_ptr<const etcd::KeyValue>;
  struct Entry {
    Value value;                               // that was read last
    std::optional<config::EndpointSpec> good;  // what it or one before it said
    std::string error;
  };
  struct List {
    WantedList wanted;
    std::shared_ptr<etcd::Client> client;
    std::shared_ptr<const etcd::WatchedPrefix> watched;
    std::map<std::string, Entry, std::less<>> entries;  // by key
    control::EmptyList empty;
    config::ListedEndpoints listed;  // as read last
    TimePoint read_at{};
    std::string error;
    bool is_listed = false;
  };

  std::shared_ptr<etcd::Client> client_for(const config::EtcdAccess& access);
  std::function<void()> posted();
  void arm(TimePoint at);
  void look();
  bool read(List& list, TimePoint now);
  void read_entries(List& list, const std::vector<Value>& keys);
  static ListInfo info_of(const List& list, TimePoint now);

  asio::io_context& main_;
  const Take take_;
  const Report report_;
  const std::function<void()> changed_;
  const Duration gather_;
  asio::steady_timer timer_;
  TimePoint timer_at_ = TimePoint::max();
  std::vector<std::weak_ptr<etcd::Client>> clients_;
  std::map<std::string, List, std::less<>> lists_;  // by upstream
  bool stopped_ = false;
  std::shared_ptr<std::atomic<bool>> told_ = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // until stop()
};

}  // namespace weir::provider
