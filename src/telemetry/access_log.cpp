#include "weir/telemetry/access_log.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "telemetry/access_line.hpp"
#include "telemetry/byte_ring.hpp"
#include "telemetry/log_output.hpp"
#include "telemetry/wall_clock.hpp"
#include "weir/base/signals.hpp"
#include "weir/telemetry/cells.hpp"

namespace weir::telemetry {
namespace {

using namespace std::chrono_literals;

constexpr int tick_ms = 50;
constexpr int deep_sleep_ms = 1000;
constexpr int ticks_until_deep_sleep = 10;
constexpr Duration stop_patience = 2s;
constexpr std::uint32_t million = 1'000'000;

// What one worker writes to.
struct alignas(64) Lane {
  explicit Lane(std::size_t ring_size) : ring(ring_size, AccessLine::longest) {}

  ByteRing ring;
  AccessLine line;
  std::uint32_t sampled = 0;  // of a million: what the share has saved up
  Counter dropped;
};

}  // namespace

AccessPolicy::AccessPolicy(const config::AccessLog& settings) noexcept
    : on(settings.path != "off"),
      format(settings.format),
      query(settings.query),
      sample(settings.sample >= 1 ? million
             : settings.sample <= 0
                 ? 0
                 : static_cast<std::uint32_t>(std::llround(settings.sample * million))),
      slow(settings.slow) {}

class AccessLog::Writer {
 public:
  Writer(unsigned workers, LogTarget target, std::size_t ring_size)
      : output_(std::move(target)), bell_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (bell_ < 0) throw std::system_error(errno, std::system_category(), "eventfd");
    for (unsigned i = 0; i < workers; ++i) lanes_.push_back(std::make_unique<Lane>(ring_size));
    thread_ = std::jthread([this] { run(); });
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() {
    stop();
    ::close(bell_);
  }

  Lane& lane(unsigned worker) noexcept { return *lanes_[worker]; }

  // After a line was queued. Rings at most once until the writer is awake.
  void queued(Lane& lane) noexcept {
    if (asleep_.load(std::memory_order_relaxed) || lane.ring.half_full()) ring();
  }
  void ring() noexcept {
    if (rung_.load(std::memory_order_relaxed) || rung_.exchange(true)) return;
    ring_anyway();
  }

  void ask_reopen() noexcept {
    reopen_.store(true, std::memory_order_release);
    ring_anyway();
  }
  void ask_redirect(LogTarget target) {
    {
      const std::lock_guard lock(mutex_);
      next_ = std::move(target);
    }
    redirect_.store(true, std::memory_order_release);
    ring_anyway();
  }

  void stop() {
    if (!thread_.joinable()) return;
    stop_by_.store((Clock::now() + stop_patience).time_since_epoch().count(),
                   std::memory_order_release);
    ring_anyway();
    thread_.join();
  }

  std::uint64_t dropped() const noexcept {
    std::uint64_t all = output_.lost();
    for (const auto& lane : lanes_) all += lane->dropped.value();
    return all;
  }

 private:
  void run() {
    block_signals();
    int idle_ticks = ticks_until_deep_sleep;
    while (true) {
      // Looked at before the rings: what was queued before stop() is written.
      const bool stopping = stop_by_.load(std::memory_order_acquire) != 0;
      idle_ticks = write_out() ? 0 : idle_ticks + 1;
      if (stopping) return;
      if (redirect_.exchange(false, std::memory_order_acquire)) take_redirect();
      if (reopen_.exchange(false, std::memory_order_acquire)) output_.reopen();
      sleep(idle_ticks >= ticks_until_deep_sleep);
    }
  }

  // Writes what the rings hold now; whether there was anything.
  bool write_out() {
    const auto give_up = [this] { return past_patience(); };
    bool any = false;
    for (const auto& lane : lanes_) {
      // A ring that wraps shows its bytes in two parts, cut anywhere: a line is written to its end
      // before another lane's begin.
      bool whole = true;
      for (int part = 0; part < 2 || !whole; ++part) {
        const std::string_view lines = lane->ring.readable();
        if (lines.empty()) break;
        any = true;
        whole = lines.back() == '\n';
        output_.write(lines, [&](std::size_t n) { lane->ring.release(n); }, give_up);
      }
    }
    return any;
  }

  // A worker may queue its line just as this thread lies down and not see that it sleeps. The line
  // then waits for the next look, at most a second; a fence on each line would cost more.
  void sleep(bool deep) {
    asleep_.store(deep);
    if (deep && std::ranges::any_of(
                    lanes_, [](const auto& lane) { return !lane->ring.readable().empty(); })) {
      deep = false;
    }
    pollfd bell{bell_, POLLIN, 0};
    ::poll(&bell, 1, deep ? deep_sleep_ms : tick_ms);
    asleep_.store(false, std::memory_order_relaxed);
    rung_.store(false);
    eventfd_t times = 0;
    ::eventfd_read(bell_, &times);
  }

  // While the reader of a pipe is slow: whether to stop waiting for it.
  bool past_patience() const noexcept {
    if (redirect_.load(std::memory_order_acquire)) return true;
    const Duration::rep by = stop_by_.load(std::memory_order_acquire);
    return by != 0 && Clock::now().time_since_epoch().count() >= by;
  }

  void take_redirect() {
    LogTarget target;
    {
      const std::lock_guard lock(mutex_);
      if (!next_) return;
      target = std::move(*next_);
      next_.reset();
    }
    output_.redirect(std::move(target));
  }

  void ring_anyway() noexcept { ::eventfd_write(bell_, 1); }

  std::vector<std::unique_ptr<Lane>> lanes_;
  LogOutput output_;
  const int bell_;
  std::atomic<bool> asleep_{false};  // deeply: lines must ring
  std::atomic<bool> rung_{false};
  std::atomic<bool> reopen_{false};
  std::atomic<bool> redirect_{false};
  std::atomic<Duration::rep> stop_by_{0};  // 0: go on
  std::mutex mutex_;
  std::optional<LogTarget> next_;  // guarded by mutex_
  std::jthread thread_;
};

AccessLog::AccessLog(unsigned workers, LogTarget target, std::size_t ring_size)
    : writer_(std::make_unique<Writer>(workers, std::move(target), ring_size)) {}

AccessLog::~AccessLog() = default;

bool AccessLog::wants(unsigned worker, const AccessPolicy& policy, int status, Reason reason,
                      Duration duration) noexcept {
  if (!policy.on) return false;
  if (policy.sample == million || policy.always(status, reason, duration)) return true;
  Lane& lane = writer_->lane(worker);
  lane.sampled += policy.sample;
  if (lane.sampled < million) return false;
  lane.sampled -= million;
  return true;
}

void AccessLog::append(unsigned worker, const AccessPolicy& policy,
                       const AccessRecord& record) noexcept {
  Lane& lane = writer_->lane(worker);
  char* const line = lane.ring.reserve();
  if (line == nullptr) {
    lane.dropped.add();
    return writer_->ring();
  }
  const char* const end = lane.line.write(line, wall_time(record.started), record, policy);
  lane.ring.commit(static_cast<std::size_t>(end - line));
  writer_->queued(lane);
}

void AccessLog::reopen() noexcept { writer_->ask_reopen(); }
void AccessLog::redirect(LogTarget target) { writer_->ask_redirect(std::move(target)); }
void AccessLog::stop() { writer_->stop(); }
std::uint64_t AccessLog::dropped() const noexcept { return writer_->dropped(); }

}  // namespace weir::telemetry
