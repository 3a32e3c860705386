#include "tracing/exporter.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>
#include <optional>
#include <utility>

#include "tracing/attributes.hpp"
#include "tracing/export_reply.hpp"
#include "tracing/protobuf.hpp"
#include "weir/base/chance.hpp"
#include "weir/base/gzip.hpp"
#include "weir/base/release.hpp"
#include "weir/base/signals.hpp"
#include "weir/telemetry/occasional.hpp"
#include "weir/tracing/exporters.hpp"

namespace weir::tracing {
namespace {

namespace log = telemetry::log;

// A batch is sent again for so long, and so often.
constexpr Duration longest_effort = std::chrono::minutes(5);
constexpr unsigned most_sends = 6;
// What a collector may ask for.
constexpr Duration longest_retry_after = std::chrono::minutes(1);
// Without anything to do it looks so often whether anybody still has the queue.
constexpr Duration idle_look = std::chrono::seconds(10);
constexpr std::size_t most_batch_bytes = std::size_t{4} << 20;  // what collectors take by default

// trace.v1.ResourceSpans and ScopeSpans, common.v1.InstrumentationScope.
constexpr unsigned resource_spans_field = 1;  // of ExportTraceServiceRequest
constexpr unsigned resource_field = 1;
constexpr unsigned scope_spans_field = 2;
constexpr unsigned resource_attributes_field = 1;
constexpr unsigned scope_field = 1;
constexpr unsigned scope_name_field = 1;
constexpr unsigned scope_version_field = 2;

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

std::string resource_of(const config::Tracing& settings) {
  std::string out;
  ProtoWriter writer(out);
  const std::size_t resource = writer.open(resource_field);
  Attributes attributes(writer, resource_attributes_field);
  attributes.add("service.name", settings.service);
  const auto is_own = [&](std::string_view key) {
    return std::ranges::any_of(settings.attributes,
                               [&](const auto& each) { return each.first == key; });
  };
  if (!is_own("service.version")) attributes.add("service.version", release());
  if (!is_own("host.name")) attributes.add_if("host.name", host_name());
  if (!is_own("process.pid")) attributes.add("process.pid", std::int64_t{::getpid()});
  for (const auto& [key, value] : settings.attributes) attributes.add(key, value);
  writer.close(resource);
  return out;
}

std::string scope_of() {
  std::string out;
  ProtoWriter writer(out);
  const std::size_t scope = writer.open(scope_field);
  writer.bytes(scope_name_field, "weir");
  writer.bytes(scope_version_field, release());
  writer.close(scope);
  return out;
}

}  // namespace

Exporter::Exporter(const config::Tracing& settings, telemetry::SpanMetrics& metrics)
    : settings_(settings),
      metrics_(metrics),
      call_(settings.otlp),
      resource_(resource_of(settings)),
      scope_(scope_of()),
      queue_(std::make_shared<SpanQueue>(settings.queue, Exporters::batch_spans, metrics,
                                         [this] { call_.wake(); })) {
  thread_ = std::jthread([this] { run(); });
}

Exporter::~Exporter() {
  finish(TimePoint(Duration(1)));
  join();
}

bool Exporter::is_for(const config::Tracing& settings) const noexcept {
  return settings_.otlp == settings.otlp && settings_.service == settings.service &&
         settings_.attributes == settings.attributes && settings_.queue == settings.queue;
}

void Exporter::finish(TimePoint by) noexcept {
  finish_by_.store(by.time_since_epoch().count());
  call_.wake();
}

void Exporter::join() {
  if (thread_.joinable()) thread_.join();
}

void Exporter::run() {
  block_signals();
  while (true) {
    TimePoint now = Clock::now();
    const bool last = finishing();
    if (last && now >= finish_by()) break;
    try {
      fill(now);
      if (is_due(now)) send(now);
      now = Clock::now();
      const Duration wait = std::max<Duration>(next(now) - now, Duration::zero());
      if (auto end = call_.turn(wait)) ended(std::move(*end), Clock::now());
    } catch (const std::bad_alloc&) {
      call_.drop();
      again("out of memory", std::nullopt, Clock::now());
    }
    const bool nothing = batch_.spans == 0 && !waiting_ && queue_->empty();
    if (nothing && (last || retires())) break;
  }
  call_.drop();
  forget(telemetry::SpanResult::failed);
  for (SpanBlockPtr rest = waiting_ ? std::move(waiting_) : queue_->take(); rest;) {
    metrics_.add(telemetry::SpanResult::failed, rest->spans);
    queue_->left(rest->spans);
    rest.reset(rest->next);
    if (!rest) rest = queue_->take();
  }
}

void Exporter::fill(TimePoint now) {
  // What is under way, or is to be sent once more, stays as it is.
  if (call_.under_way() || batch_.spans != 0) return;
  if (!waiting_) {
    if (queue_->empty()) return since_.reset();
    if (!since_) since_ = now;
    // While something is left in the queue its workers do not wake this thread for each request.
    const bool enough = queue_->fresh() >= Exporters::batch_spans;
    if (!enough && !finishing() && now - *since_ < Exporters::batch_time) return;
    waiting_ = queue_->take();
    since_.reset();
  }
  while (waiting_) {
    const std::uint64_t with = batch_.spans + waiting_->spans;
    const std::size_t size = batch_.bytes.size() + waiting_->size;
    const bool fits = with <= Exporters::batch_spans && size <= most_batch_bytes;
    if (batch_.spans != 0 && !fits) return;
    batch_.bytes.append(waiting_->bytes());
    batch_.spans = with;
    waiting_.reset(waiting_->next);
  }
}

bool Exporter::is_due(TimePoint now) const noexcept {
  return batch_.spans != 0 && !call_.under_way() && now >= pause_until_;
}

TimePoint Exporter::next(TimePoint now) const noexcept {
  TimePoint out = now + idle_look;
  if (call_.under_way()) {
    // It wakes the thread itself.
  } else if (batch_.spans != 0) {
    out = pause_until_;
  } else if (since_) {
    out = *since_ + Exporters::batch_time;
  }
  return finishing() ? std::min(out, finish_by()) : out;
}

bool Exporter::retires() {
  const std::lock_guard lock(mutex_);
  over_ = queue_.use_count() == 1 && queue_->empty();
  return over_;
}

std::shared_ptr<SpanQueue> Exporter::queue() const {
  const std::lock_guard lock(mutex_);
  return over_ ? nullptr : queue_;
}

bool Exporter::is_over() const {
  const std::lock_guard lock(mutex_);
  return over_;
}

std::string Exporter::message() const {
  std::string out;
  out.reserve(batch_.bytes.size() + resource_.size() + scope_.size() + 32);
  ProtoWriter writer(out);
  const std::size_t resource_spans = writer.open(resource_spans_field);
  out.append(resource_);
  const std::size_t scope_spans = writer.open(scope_spans_field);
  out.append(scope_);
  out.append(batch_.bytes);
  writer.close(scope_spans);
  writer.close(resource_spans);
  return out;
}

void Exporter::send(TimePoint now) {
  std::string body = message();
  std::string small;
  try {
    small = gzip(body);
  } catch (const std::bad_alloc&) {
    // Then it goes as it is.
  }
  const bool is_gzip = !small.empty();
  if (batch_.attempts++ == 0) batch_.began = now;
  Duration time = settings_.otlp.timeout;
  if (finishing()) time = std::min<Duration>(time, finish_by() - now);
  call_.begin(is_gzip ? std::move(small) : std::move(body), is_gzip, time);
}

void Exporter::ended(CallEnd end, TimePoint now) {
  if (!end.error.empty()) return again(end.error, std::nullopt, now);
  if (end.status >= 200 && end.status < 300) {
    const PartialSuccess partial = parse_export_reply(end.body);
    const std::uint64_t rejected = std::min(partial.rejected, batch_.spans);
    if (rejected != 0 || !partial.message.empty()) {
      log::occasionally(now, log::Level::warn, "spans rejected by the collector",
                        {{"endpoint", settings_.otlp.endpoint}},
                        {{"spans", rejected}, {"error", partial.message}});
    }
    metrics_.add(telemetry::SpanResult::rejected, rejected);
    queue_->left(rejected);
    batch_.spans -= rejected;
    return forget(telemetry::SpanResult::exported);
  }
  const std::string why = "status " + std::to_string(end.status);
  if (is_retryable(end.status)) return again(why, end.retry_after, now);
  log::occasionally(now, log::Level::warn, "spans not exported",
                    {{"endpoint", settings_.otlp.endpoint}, {"error", why}},
                    {{"spans", batch_.spans}});
  forget(telemetry::SpanResult::failed);
}

void Exporter::again(std::string_view why, std::optional<Duration> retry_after, TimePoint now) {
  log::occasionally(now, log::Level::warn, "spans not exported",
                    {{"endpoint", settings_.otlp.endpoint}, {"error", why}},
                    {{"spans", batch_.spans}});
  const Duration pause = retry_after ? std::min(*retry_after, longest_retry_after)
                                     : export_pause(batch_.attempts + 1, chance());
  // Who asks for a pause asks for it from the batches behind this one, too.
  pause_until_ = now + pause;
  if (batch_.attempts >= most_sends || pause_until_ - batch_.began > longest_effort) {
    forget(telemetry::SpanResult::failed);
  }
}

void Exporter::forget(telemetry::SpanResult result) noexcept {
  metrics_.add(result, batch_.spans);
  queue_->left(batch_.spans);
  batch_.bytes.clear();
  batch_.spans = 0;
  batch_.attempts = 0;
}

Exporters::Exporters(telemetry::SpanMetrics& metrics) noexcept : metrics_(metrics) {}

Exporters::~Exporters() { stop(Duration::zero()); }

std::shared_ptr<SpanQueue> Exporters::queue_for(const config::Tracing& settings) {
  const std::lock_guard lock(mutex_);
  std::erase_if(exporters_, [](const auto& each) { return each->is_over(); });
  for (const auto& each : exporters_) {
    if (!each->is_for(settings)) continue;
    if (auto queue = each->queue()) return queue;
  }
  metrics_.use();
  exporters_.push_back(std::make_unique<Exporter>(settings, metrics_));
  return exporters_.back()->queue();
}

void Exporters::stop(Duration patience) {
  const std::lock_guard lock(mutex_);
  const TimePoint by = std::max(Clock::now() + patience, TimePoint(Duration(1)));
  for (const auto& each : exporters_) each->finish(by);
  for (const auto& each : exporters_) each->join();
  exporters_.clear();
}

}  // namespace weir::tracing
