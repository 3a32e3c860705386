#include "weir/telemetry/route_metrics.hpp"

namespace weir::telemetry {

StatusTable::~StatusTable() {
  for (const auto& page : pages_) delete page.load(std::memory_order_acquire);
}

StatusTable::Page& StatusTable::make(std::atomic<Page*>& slot) {
  auto* page = new Page;
  slot.store(page, std::memory_order_release);
  return *page;
}

}  // namespace weir::telemetry
