// All clusters of the process, by name: what makes endpoints, permits and connections outlast a
// reload. Main thread, get() and leave() aside; owned by the server, outlived by the workers'
// loops.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weir/config/model.hpp"
#include "weir/net/loop.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir::upstream {

// Of named endpoints, by the names of their upstreams.
using AddressesByUpstream = std::unordered_map<std::string, Addresses>;

class Registry {
 public:
  Registry(std::vector<net::Loop*> workers, RegistryHooks hooks);

  // While a Snapshot is compiled, on the thread that does it (one at a time): the cluster of that
  // name, made if there is none. The settings of one in use do not change before commit().
  std::shared_ptr<Cluster> get(const config::Upstream& upstream);
  // The Snapshot is in use: gives each cluster its new settings and retires those not named.
  // `found`: addresses of names. When it throws (bad_alloc), every cluster is still there, and some
  // may have their new settings.
  void commit(std::span<const config::Upstream> upstreams, const AddressesByUpstream& found = {});
  // The Snapshot came to nothing: forgets what get() made for it.
  void abandon();

  // Null when unknown.
  std::shared_ptr<Cluster> find(std::string_view name) const;
  // In the order of their names.
  std::vector<std::shared_ptr<Cluster>> clusters() const;

  // On worker `worker`, when its tasks have ended and before its loop does: closes its idle
  // connections, of retired clusters that are still pinned too.
  void leave(unsigned worker) noexcept;

 private:
  void forget_drafts();

  const std::vector<net::Loop*> workers_;
  const RegistryHooks hooks_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Cluster>, std::less<>> live_;
  std::map<std::string, std::shared_ptr<Cluster>, std::less<>> drafts_;
  std::vector<std::weak_ptr<Cluster>> retired_;
};

}  // namespace weir::upstream
