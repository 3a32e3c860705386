// The keys below a prefix, as a list and the events since then leave them. A plain value.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "provider/etcd/messages.hpp"

namespace weir::provider::etcd {

class KeyTable {
 public:
  using Keys = std::map<std::string, std::shared_ptr<const KeyValue>, std::less<>>;

  // These are all. True when something is another than before, and at the first list.
  bool list(Range range);
  // The same for what happened then. Events that are older than what is known change nothing.
  bool apply(const WatchMessage& message);
  // Whether newest_question()'s answer fits: where it does not, events were lost or are on their
  // way.
  bool agrees(const Range& newest) const;

  bool is_listed() const noexcept { return revision_ != 0; }
  // Of the last list or the last change; 0 before the first list.
  std::int64_t revision() const noexcept { return revision_; }
  const Keys& keys() const noexcept { return keys_; }

 private:
  std::int64_t revision_ = 0;
  Keys keys_;
};

}  // namespace weir::provider::etcd
