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

void Registry::commit(std::span<const config::Upstream> upstreams) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::shared_ptr<Cluster>, std::less<>> next;
  for (const config::Upstream& upstream : upstreams) {
    if (const auto found = live_.find(upstream.name); found != live_.end()) {
      found->second->apply(upstream);
      next.insert(live_.extract(found));
    } else if (const auto draft = drafts_.find(upstream.name); draft != drafts_.end()) {
      next.insert(drafts_.extract(draft));
    } else {
      next.emplace(upstream.name, std::make_shared<Cluster>(upstream, workers_, hooks_));
    }
  }
  std::erase_if(retired_, [](const auto& cluster) { return cluster.expired(); });
  for (const auto& [name, cluster] : live_) {
    cluster->retire();
    retired_.push_back(cluster);
  }
  live_ = std::move(next);
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
