// Who takes finished spans to a collector: one thread for each way of doing so that some snapshot
// still has. Owned by the process. See SpanQueue for how spans come here.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "weir/base/time.hpp"
#include "weir/config/tracing.hpp"
#include "weir/telemetry/span_metrics.hpp"
#include "weir/tracing/span_queue.hpp"

namespace weir::tracing {

class Exporter;

class Exporters {
 public:
  // How long the end of the process waits for collectors.
  static constexpr Duration stop_patience = std::chrono::seconds(3);
  // Spans of one export, unless one request has more, and how long the first of them waits at most.
  static constexpr std::uint64_t batch_spans = 512;
  static constexpr Duration batch_time = std::chrono::seconds(1);

  // `metrics` outlives this.
  explicit Exporters(telemetry::SpanMetrics& metrics) noexcept;
  ~Exporters();
  Exporters(const Exporters&) = delete;
  Exporters& operator=(const Exporters&) = delete;

  // The queue of the exporter with these settings, which lives on as long as somebody holds that
  // queue; made if there is none. Samples and what is kept are no part of the settings. While a
  // snapshot is compiled: takes a lock, and may start a thread.
  std::shared_ptr<SpanQueue> queue_for(const config::Tracing& settings);
  // Exports what is queued, for `patience` at most, and ends the threads. REQUIRES: nobody pushes
  // any more.
  void stop(Duration patience = stop_patience);

 private:
  telemetry::SpanMetrics& metrics_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Exporter>> exporters_;  // guarded by mutex_
};

}  // namespace weir::tracing
