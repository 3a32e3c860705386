// Keeps the keys below prefixes of one etcd as they are: a thread of its own, which lists, watches,
// looks every ten seconds whether something was missed, and goes from endpoint to endpoint when one
// fails. Made and ended on the main thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "provider/etcd/calls.hpp"
#include "provider/etcd/key_table.hpp"
#include "weir/base/time.hpp"
#include "weir/config/providers.hpp"
#include "weir/provider/provider.hpp"

namespace weir::provider::etcd {

class PrefixTask;

struct ClientTimes {
  Duration round = std::chrono::seconds(5);   // from one attempt at all endpoints to the next
  Duration look = std::chrono::seconds(10);   // between looks at what was missed
  Duration again = std::chrono::seconds(1);   // after a look that found something
  Duration answer = std::chrono::seconds(5);  // the longest wait for one; of a list twice this
};

// A prefix as it is known; shared by the client's thread and whoever reads it.
class WatchedPrefix {
 public:
  explicit WatchedPrefix(std::string prefix) : prefix_(std::move(prefix)) {}

  const std::string& prefix() const noexcept { return prefix_; }
  // All keys, with their prefix, in their order; null before the first list. Any thread.
  std::shared_ptr<const std::vector<std::shared_ptr<const KeyValue>>> keys() const;
  ProviderState state() const;

 private:
  friend class PrefixTask;
  const std::string prefix_;
  mutable std::mutex mutex_;
  KeyTable table_;  // guarded by mutex_, as what follows
  ProviderState state_;
};

class Client {
 public:
  explicit Client(config::EtcdAccess access, ClientTimes times = {});
  // Waits for its thread; nothing is told from then on.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Begins to watch it, until the last reference is gone. `changed` is called by the client's
  // thread when its keys or its state have changed.
  std::shared_ptr<const WatchedPrefix> watch(std::string prefix, std::function<void()> changed);
  const config::EtcdAccess& access() const noexcept { return access_; }

 private:
  void loop(const std::stop_token& stopping);
  void take_new();

  const config::EtcdAccess access_;
  const ClientTimes times_;
  Calls calls_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<PrefixTask>> new_;  // guarded by mutex_
  std::list<std::unique_ptr<PrefixTask>> tasks_;  // of the thread
  std::jthread thread_;
};

}  // namespace weir::provider::etcd
