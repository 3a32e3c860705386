// Weights of splits that an operator set at run time, in place of the file's. One a process, shared
// by all workers: each call takes a lock, generation() alone costs a load.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::control {

using SplitWeights = std::vector<std::uint32_t>;  // in the order of the route's split

class SplitOverrides {
 public:
  // `configured` are the file's weights at that moment: the override holds while they stay.
  void set(std::string_view route, SplitWeights configured, SplitWeights weights) {
    const std::lock_guard lock(mutex_);
    entries_.insert_or_assign(std::string(route), Entry{std::move(configured), std::move(weights)});
    generation_.fetch_add(1, std::memory_order_release);
  }

  // The file's weights again; false when there were no others.
  bool clear(std::string_view route) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(route);
    if (found == entries_.end()) return false;
    entries_.erase(found);
    generation_.fetch_add(1, std::memory_order_release);
    return true;
  }

  // The weights that were set for a route whose file says `configured`; nothing when none hold.
  std::optional<SplitWeights> find(std::string_view route, const SplitWeights& configured) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(route);
    if (found == entries_.end() || found->second.configured != configured) return std::nullopt;
    return found->second.weights;
  }

  // The weights in force for a route whose file says `configured`.
  SplitWeights effective(std::string_view route, const SplitWeights& configured) const {
    return find(route, configured).value_or(configured);
  }

  // Forgets those of routes for which `stays(route)` does not hold: the file changed, and what it
  // said before does not bring them back.
  template <class Stays>
  void retain(Stays stays) {
    const std::lock_guard lock(mutex_);
    const auto gone = std::erase_if(entries_, [&](const auto& each) { return !stays(each.first); });
    if (gone != 0) generation_.fetch_add(1, std::memory_order_release);
  }

  // Changes with every set() and with what clear() and retain() forget: who keeps a copy compares.
  std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }

 private:
  struct Entry {
    SplitWeights configured;
    SplitWeights weights;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;  // guarded by mutex_
  std::atomic<std::uint64_t> generation_{0};
};

}  // namespace weir::control
