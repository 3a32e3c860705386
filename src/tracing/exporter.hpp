// The thread that takes the spans of one queue to one collector. See Exporters.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "tracing/otlp_call.hpp"
#include "weir/base/time.hpp"
#include "weir/config/tracing.hpp"
#include "weir/telemetry/span_metrics.hpp"
#include "weir/tracing/span_queue.hpp"

namespace weir::tracing {

class Exporter {
 public:
  Exporter(const config::Tracing& settings, telemetry::SpanMetrics& metrics);
  // Ends the thread at once.
  ~Exporter();
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  // Whether spans under these settings go the same way.
  bool is_for(const config::Tracing& settings) const noexcept;
  // Null when it is over. Any thread.
  std::shared_ptr<SpanQueue> queue() const;
  // Nobody else had the queue any more, and all that was in it has left.
  bool is_over() const;
  // From now on exports what there is, until `by` at the latest, and ends.
  void finish(TimePoint by) noexcept;
  void join();

 private:
  // What is sent together, and again where that failed.
  struct Batch {
    std::string bytes;  // fields `spans` of a ScopeSpans
    std::uint64_t spans = 0;
    TimePoint began{};  // it was sent for the first time
    unsigned attempts = 0;
  };

  void run();
  // Makes a batch of what came, as soon as that is enough or has waited long enough.
  void fill(TimePoint now);
  bool is_due(TimePoint now) const noexcept;
  // Whether nobody can push any more; then nobody is given the queue, either.
  bool retires();
  void send(TimePoint now);
  void ended(CallEnd end, TimePoint now);
  // Sends the same again, or gives it up.
  void again(std::string_view why, std::optional<Duration> retry_after, TimePoint now);
  void forget(telemetry::SpanResult result) noexcept;
  std::string message() const;
  // When something is due again.
  TimePoint next(TimePoint now) const noexcept;
  bool finishing() const noexcept { return finish_by_.load() != 0; }
  TimePoint finish_by() const noexcept { return TimePoint(Duration(finish_by_.load())); }

  const config::Tracing settings_;
  telemetry::SpanMetrics& metrics_;
  OtlpCall call_;
  std::string resource_;  // ResourceSpans.resource and what of ScopeSpans is the same in each
  std::string scope_;
  SpanBlockPtr waiting_;  // came, and does not fit into the batch
  Batch batch_;
  TimePoint pause_until_{};
  std::atomic<Duration::rep> finish_by_{0};  // 0: go on
  std::optional<TimePoint> since_;           // the queue was found not to be empty
  mutable std::mutex mutex_;
  std::shared_ptr<SpanQueue> queue_;  // given out under mutex_
  bool over_ = false;                 // guarded by mutex_
  std::jthread thread_;
};

}  // namespace weir::tracing
