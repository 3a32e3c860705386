#include "server/history.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace weir::server {

void History::add(Entry entry) {
  entries_.push_back(std::move(entry));
  while (entries_.size() > most_entries) entries_.pop_front();
  // A rollback shares the texts of the generation that it is.
  std::set<const config::Origin*> counted;
  std::size_t bytes = 0;
  for (auto each = entries_.rbegin(); each != entries_.rend(); ++each) {
    if (!each->origin || counted.contains(each->origin.get())) continue;
    bytes += each->origin->bytes;
    const bool newest = each == entries_.rbegin();
    if (bytes > most_bytes && !newest) {
      each->origin.reset();
    } else {
      counted.insert(each->origin.get());
    }
  }
}

void History::compared(std::uint64_t generation, config::ConfigChanges changes) {
  const auto found = std::ranges::find(entries_, generation, &Entry::generation);
  if (found != entries_.end()) found->changes = std::move(changes);
}

std::expected<std::shared_ptr<const config::Origin>, std::string> History::origin_of(
    std::uint64_t generation) const {
  const auto found = std::ranges::find(entries_, generation, &Entry::generation);
  if (found == entries_.end()) {
    return std::unexpected("there is no generation " + std::to_string(generation) +
                           " among the last " + std::to_string(most_entries) +
                           "; see GET /config/history");
  }
  if (!found->origin) {
    return std::unexpected("the texts of generation " + std::to_string(generation) +
                           " are not kept any more");
  }
  return found->origin;
}

}  // namespace weir::server
