#include "weir/upstream/registry.hpp"

#include <utility>

namespace weir::upstream {

Registry::Registry(std::vector<net::Loop*> workers, RegistryHooks hooks)
    : workers_(std::move(workers)), hooks_(std::move(hooks)) {}

std::shared_ptr<Cluster> Registry::get(const config::Upstream& upstream) {
  const std::lock_guard lock(mutex_);
  if (const auto found = live_.find(upstream.name); found != live_.end()) return found->second;
  std::shared_ptr<Cluster>& draft = drafts_[upstream.name];
  if (!draft) draft = std::make_shared<Cluster>(upstream, workers_, hooks_);
  return draft;
}

void Registry::commit(std::span<const config::Upstream> upstreams, const AddressesByUpstream& all) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::shared_ptr<Cluster>, std::less<>> next;
  static const Addresses none;
  for (const config::Upstream& upstream : upstreams) {
    const auto its = all.find(upstream.name);
    const Addresses& found = its != all.end() ? its->second : none;
    if (const auto live = live_.find(upstream.name); live != live_.end()) {
      live->second->apply(upstream, found);
      next.insert(*live);
    } else {
      const auto draft = drafts_.find(upstream.name);
      auto cluster = draft != drafts_.end() ? draft->second
                                            : std::make_shared<Cluster>(upstream, workers_, hooks_);
      if (!found.empty()) cluster->apply(upstream, found);
      next.emplace(upstream.name, std::move(cluster));
    }
  }
  std::erase_if(retired_, [](const auto& cluster) { return cluster.expired(); });
  std::vector<std::shared_ptr<Cluster>> gone;
  for (const auto& [name, cluster] : live_) {
    if (!next.contains(name)) gone.push_back(cluster);
  }
  retired_.insert(retired_.end(), gone.begin(), gone.end());
  live_ = std::move(next);
  std::erase_if(drafts_, [&](const auto& draft) {
    const auto live = live_.find(draft.first);
    return live != live_.end() && live->second == draft.second;
  });
  for (const auto& cluster : gone) cluster->retire();
  forget_drafts();
}

void Registry::abandon() {
  const std::lock_guard lock(mutex_);
  forget_drafts();
}

void Registry::forget_drafts() {
  for (const auto& [name, cluster] : drafts_) cluster->retire();
  drafts_.clear();
}

std::shared_ptr<Cluster> Registry::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = live_.find(name);
  return found == live_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Cluster>> Registry::clusters() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Cluster>> out;
  for (const auto& [name, cluster] : live_) out.push_back(cluster);
  return out;
}

void Registry::leave(unsigned worker) noexcept {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, cluster] : live_) cluster->leave(worker);
  for (const auto& entry : retired_) {
    if (const auto cluster = entry.lock()) cluster->leave(worker);
  }
}

}  // namespace weir::upstream
