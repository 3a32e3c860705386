#include "route/name_table.hpp"

#include <algorithm>
#include <utility>

#include "route/text_hash.hpp"

namespace weir::route {

std::uint32_t NameTable::find(std::string_view name) const noexcept {
  if (slots_.empty()) return absent;
  const std::uint32_t hash = text_hash(name);
  for (std::size_t at = hash;; ++at) {
    const Slot& slot = slots_[at & (slots_.size() - 1)];
    if (slot.value == absent) return absent;
    if (slot.hash == hash && std::string_view(pool_.data() + slot.at, slot.size) == name) {
      return slot.value;
    }
  }
}

std::uint32_t NameTable::insert(std::string_view name, std::uint32_t value) {
  if (const std::uint32_t known = find(name); known != absent) return known;
  if (++used_ * 2 > slots_.size()) grow();
  const Slot added{text_hash(name), value, static_cast<std::uint32_t>(pool_.size()),
                   static_cast<std::uint32_t>(name.size())};
  pool_ += name;
  std::size_t at = added.hash;
  while (slots_[at & (slots_.size() - 1)].value != absent) ++at;
  slots_[at & (slots_.size() - 1)] = added;
  return value;
}

void NameTable::grow() {
  const std::vector<Slot> old =
      std::exchange(slots_, std::vector<Slot>(std::max<std::size_t>(8, slots_.size() * 2)));
  for (const Slot& slot : old) {
    if (slot.value == absent) continue;
    std::size_t at = slot.hash;
    while (slots_[at & (slots_.size() - 1)].value != absent) ++at;
    slots_[at & (slots_.size() - 1)] = slot;
  }
}

}  // namespace weir::route
