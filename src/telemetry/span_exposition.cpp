// What is counted of spans.
#include "telemetry/exposition.hpp"
#include "telemetry/families.hpp"

namespace weir::telemetry {

void Exposition::collect_spans(Families& out) const {
  if (!metrics_.spans.used()) return;
  auto spans = counter_family("weir_spans_total", "Spans of requests, by what became of them.");
  for (std::size_t i = 0; i < span_result_labels.size(); ++i) {
    spans.counter({{"result", span_result_labels[i]}}, metrics_.spans.of(i));
  }
  std::move(spans).append_to(out);
}

}  // namespace weir::telemetry
