// What middleware knows of its callers (buckets, key sets, verified tokens) and keeps over a
// reload: as long as the old snapshot lives, the new one finds the state of the same name and
// settings. Owned by the process. Any thread; takes a lock, so only while a snapshot is compiled.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <typeindex>
#include <vector>

namespace weir {

class KeptStates {
 public:
  // The State of that name and settings that somebody still holds, or what `make()` returns: a
  // shared_ptr<State>. `settings` is any text that is equal when the state may go on being used.
  template <class State, class Make>
  std::shared_ptr<State> get(std::string_view name, std::string_view settings, Make make) {
    const std::lock_guard lock(mutex_);
    std::erase_if(states_, [](const auto& entry) { return entry.second.expired(); });
    std::weak_ptr<void>& kept =
        states_[Key(std::type_index(typeid(State)), std::string(name), std::string(settings))];
    if (const std::shared_ptr<void> found = kept.lock()) {
      return std::static_pointer_cast<State>(found);
    }
    const std::shared_ptr<State> made = make();
    kept = made;
    return made;
  }

  // Those of that type which somebody still holds.
  template <class State>
  std::vector<std::shared_ptr<State>> living() {
    std::vector<std::shared_ptr<State>> out;
    const std::lock_guard lock(mutex_);
    for (const auto& [key, kept] : states_) {
      if (std::get<0>(key) != std::type_index(typeid(State))) continue;
      if (auto state = kept.lock()) out.push_back(std::static_pointer_cast<State>(state));
    }
    return out;
  }

 private:
  using Key = std::tuple<std::type_index, std::string, std::string>;

  std::mutex mutex_;
  std::map<Key, std::weak_ptr<void>> states_;  // guarded by mutex_
};

}  // namespace weir
