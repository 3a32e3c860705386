#include "weir/telemetry/log.hpp"

#include <poll.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include "telemetry/log_line.hpp"
#include "weir/base/signals.hpp"

namespace weir::telemetry::log {
namespace {

constexpr std::size_t queue_length = 8192;
constexpr int patience_ms = 1000;

std::atomic<Level> current_level{Level::info};
std::atomic<Format> current_format{Format::text};
std::atomic<bool> stopping{false};

// Lines are short enough (log_line.hpp) for a pipe that is ready to take them whole.
void write_line(std::string_view line) noexcept {
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&ready, 1, stopping.load(std::memory_order_relaxed) ? 0 : patience_ms) != 1) return;
  while (!line.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, line.data(), line.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    line.remove_prefix(static_cast<std::size_t>(n));
  }
}

// Lines come formatted; who does not read stderr for a second loses them.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    write_line({message.payload.data(), message.payload.size()});
  }
  void flush_() override {}
};

struct Running {
  Running() = default;
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  // Writes what is queued and joins the thread while the sink it writes to is still there.
  ~Running() { thread.reset(); }

  std::shared_ptr<spdlog::details::thread_pool> thread =
      std::make_shared<spdlog::details::thread_pool>(queue_length, 1, block_signals);
  std::shared_ptr<spdlog::async_logger> logger =
      std::make_shared<spdlog::async_logger>("weir", std::make_shared<StderrSink>(), thread,
                                             spdlog::async_overflow_policy::overrun_oldest);
};

std::shared_mutex running_mutex;
std::unique_ptr<Running> running;  // guarded by running_mutex

void emit(Level at, std::string_view message, std::span<const Field> fields) {
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  const std::string line =
      format_line(current_format.load(std::memory_order_relaxed), now, at, message, fields);
  const std::shared_lock lock(running_mutex);
  if (running) {
    // Levels were decided before; spdlog passes `info` by default.
    running->logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  } else {
    write_line(line);
  }
}

// Its component's level was asked, which may be lower than that of the rest.
void emit_step(debug_log::Level at, std::string_view message, std::span<const LogField> fields) {
  emit(at == debug_log::Level::trace ? Level::trace : Level::debug, message, fields);
}

}  // namespace

void start(Level level, Format format) {
  set_level(level);
  set_format(format);
  debug_log::set_sink(emit_step);
  const std::unique_lock lock(running_mutex);
  if (!running) running = std::make_unique<Running>();
}

void stop() {
  const std::unique_lock lock(running_mutex);
  stopping.store(true, std::memory_order_relaxed);
  running.reset();
  stopping.store(false, std::memory_order_relaxed);
}

void set_level(Level level) noexcept {
  current_level.store(level, std::memory_order_relaxed);
  for (std::size_t i = 0; i < debug_log::component_names.size(); ++i) {
    set_level(static_cast<debug_log::Component>(i), level);
  }
}
void set_level(debug_log::Component component, Level level) noexcept {
  debug_log::set_level(component, level == Level::trace   ? debug_log::Level::trace
                                  : level == Level::debug ? debug_log::Level::debug
                                                          : debug_log::Level::off);
}
void set_format(Format format) noexcept { current_format.store(format, std::memory_order_relaxed); }
Level level() noexcept { return current_level.load(std::memory_order_relaxed); }
bool enabled(Level at) noexcept { return at >= level(); }

void write(Level at, std::string_view message, std::span<const Field> fields) {
  if (enabled(at)) emit(at, message, fields);
}

}  // namespace weir::telemetry::log
