#include "weir/telemetry/route_metrics.hpp"

#include <new>

namespace weir::telemetry {

StatusTable::~StatusTable() {
  for (const auto& page : pages_) delete page.load(std::memory_order_acquire);
}

StatusTable::Page& StatusTable::make(std::atomic<Page*>& slot) {
  // Without memory the answer is not counted: an exchange ends all the same.
  static Page not_counted;
  auto* page = new (std::nothrow) Page;
  if (page == nullptr) return not_counted;
  slot.store(page, std::memory_order_release);
  return *page;
}

}  // namespace weir::telemetry
