#include "weir/telemetry/access_tap.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>

#include "telemetry/access_line.hpp"
#include "telemetry/wall_clock.hpp"

namespace weir::telemetry {

// Shared by the tap and its watchers, so that either may end first.
struct AccessTap::Watchers {
  alignas(64) std::atomic<bool> any{false};
  alignas(64) std::mutex mutex;
  std::vector<Watcher*> all;  // guarded by mutex
};

class AccessTap::Watcher final : public AccessWatch {
 public:
  // REQUIRES: the caller holds the lock and puts it among the watchers.
  explicit Watcher(std::shared_ptr<Watchers> others) : others_(std::move(others)) {}
  ~Watcher() override {
    const std::lock_guard lock(others_->mutex);
    std::erase(others_->all, this);
    others_->any.store(!others_->all.empty(), std::memory_order_relaxed);
  }

  // Under the lock. Throws nothing: a line for which there is no memory is lost.
  void add(std::string_view line) noexcept {
    // Once a line is lost so are those behind it, until the watcher has been told.
    if (lost_ == 0 && queue_.size() + line.size() <= queue_bytes) {
      try {
        queue_ += line;
        return;
      } catch (const std::bad_alloc&) {
      }
    }
    ++lost_;
  }

  std::uint64_t take(std::string& lines) override {
    lines.clear();
    const std::lock_guard lock(others_->mutex);
    lines.swap(queue_);
    return std::exchange(lost_, 0);
  }

 private:
  const std::shared_ptr<Watchers> others_;
  std::string queue_;  // guarded by the lock, as lost_ is
  std::uint64_t lost_ = 0;
};

struct AccessTap::Lane {
  AccessLine line;
  std::unique_ptr<char[]> text = std::make_unique_for_overwrite<char[]>(AccessLine::longest);
};

AccessTap::AccessTap(unsigned workers)
    : watchers_(std::make_shared<Watchers>()), watched_(&watchers_->any), lanes_(workers) {}

AccessTap::~AccessTap() = default;

std::unique_ptr<AccessWatch> AccessTap::watch() {
  const std::lock_guard lock(watchers_->mutex);
  if (watchers_->all.size() == most_watchers) return nullptr;
  watchers_->all.reserve(most_watchers);
  auto watcher = std::make_unique<Watcher>(watchers_);
  watchers_->all.push_back(watcher.get());
  watchers_->any.store(true, std::memory_order_relaxed);
  return watcher;
}

void AccessTap::show(unsigned worker, const AccessPolicy& policy,
                     const AccessRecord& record) noexcept {
  std::unique_ptr<Lane>& lane = lanes_[worker];
  if (!lane) {
    try {
      lane = std::make_unique<Lane>();
    } catch (const std::bad_alloc&) {
      return;
    }
  }
  AccessPolicy as_json = policy;
  as_json.format = config::AccessLogFormat::json;
  char* const text = lane->text.get();
  const char* const end = lane->line.write(text, wall_time(record.started), record, as_json);
  const std::string_view line(text, static_cast<std::size_t>(end - text));
  const std::lock_guard lock(watchers_->mutex);
  for (Watcher* watcher : watchers_->all) watcher->add(line);
}

}  // namespace weir::telemetry
