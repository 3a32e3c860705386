#include "provider/etcd/key_table.hpp"

#include <algorithm>
#include <utility>

namespace weir::provider::etcd {

bool KeyTable::list(Range range) {
  bool changed = !is_listed();
  Keys next;
  for (KeyValue& each : range.keys) {
    const auto before = keys_.find(each.key);
    // After etcd was set up anew, or brought back from a copy, revisions begin again.
    const bool is_same = before != keys_.end() && *before->second == each;
    std::string key = each.key;
    next.insert_or_assign(std::move(key), is_same
                                              ? before->second
                                              : std::make_shared<const KeyValue>(std::move(each)));
    changed = changed || !is_same;
  }
  changed = changed || next.size() != keys_.size();
  keys_ = std::move(next);
  revision_ = range.revision;
  return changed;
}

bool KeyTable::apply(const WatchMessage& message) {
  bool changed = false;
  for (const WatchEvent& event : message.events) {
    if (event.kv.mod_revision != 0 && event.kv.mod_revision <= revision_) continue;
    if (event.is_deleted) {
      const auto at = keys_.find(event.kv.key);
      if (at == keys_.end()) continue;
      keys_.erase(at);
    } else {
      keys_.insert_or_assign(event.kv.key, std::make_shared<const KeyValue>(event.kv));
    }
    changed = true;
  }
  // Not the message's own revision: more events of before may be in the next one.
  for (const WatchEvent& event : message.events) {
    revision_ = std::max(revision_, event.kv.mod_revision);
  }
  return changed;
}

bool KeyTable::agrees(const Range& newest) const {
  if (newest.revision < revision_ || newest.count != keys_.size()) return false;
  if (newest.keys.empty()) return keys_.empty();
  const KeyValue& last = newest.keys.front();
  const auto at = keys_.find(last.key);
  return at != keys_.end() && at->second->mod_revision == last.mod_revision;
}

}  // namespace weir::provider::etcd
