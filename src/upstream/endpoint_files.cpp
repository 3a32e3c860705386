#include "weir/upstream/endpoint_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace weir::upstream {

using control::EmptyList;

EndpointFiles::EndpointFiles(asio::io_context& main, RunAside aside, Report report,
                             std::function<void()> changed, EndpointFilesTimes times)
    : aside_(std::move(aside)),
      report_(std::move(report)),
      changed_(std::move(changed)),
      times_(times),
      timer_(main) {}

EndpointFiles::~EndpointFiles() { stop(); }

void EndpointFiles::watch(std::span<const std::shared_ptr<Cluster>> clusters) {
  if (stopped_) return;
  const TimePoint now = Clock::now();
  std::map<std::string, File, std::less<>> next;
  for (const auto& cluster : clusters) {
    std::optional<config::EndpointsFrom> from = cluster->settings().endpoints_from;
    if (!from || !from->listed) continue;
    File file;
    const auto known = files_.find(cluster->name());
    if (known != files_.end() && known->second.cluster.lock() == cluster) {
      file = std::move(known->second);
    }
    if (file.look.path() != from->path) {
      file.look = names::WatchedFile(from->path);
      file.reading = 0;
      file.changed_at.reset();
      file.read_at = {};
    }
    file.cluster = cluster;
    file.from = std::move(*from);
    // What a reload has read may be newer or older than what was read here.
    if (file.from.read_at > file.read_at) {
      file.read_at = file.from.read_at;
      file.endpoints = file.from.listed->size();
      file.error.clear();
      file.retry_at.reset();
      const bool is_empty = file.endpoints == 0;
      const auto then = file.empty.read(now, is_empty, file.from.empty_after);
      if (is_empty && then == EmptyList::Then::take) cluster->set_listed({}, file.read_at);
    }
    next.insert_or_assign(cluster->name(), std::move(file));
  }
  files_ = std::move(next);
  schedule();
}

// --- looking

void EndpointFiles::look() {
  const TimePoint now = Clock::now();
  bool given = false;
  for (auto& [upstream, file] : files_) {
    if (file.reading != 0) continue;
    if (is_settled(file, now)) read(upstream, file);
    // As long as it may have become another one it is not known to be empty.
    if (file.reading != 0 || file.changed_at) continue;
    if (file.empty.take_if_due(now) == EmptyList::Then::take) {
      if (!give(file, {})) continue;
      given = true;
      if (report_) report_(upstream, info_of(file, now));
    }
  }
  if (given) changed_();
  schedule();
}

// Whether it is to be read now.
bool EndpointFiles::is_settled(File& file, TimePoint now) const {
  const bool is_other = file.look.changed();
  if (is_other && !file.changed_at) file.changed_at = now;
  if (!file.changed_at) return file.retry_at && now >= *file.retry_at;
  return !is_other || now - *file.changed_at >= times_.longest_settle;
}

void EndpointFiles::read(const std::string& upstream, File& file) {
  file.reading = ++readings_;
  file.retry_at.reset();
  auto job = [this, alive = std::weak_ptr(alive_), upstream, reading = file.reading,
              path = file.from.path]() -> Then {
    const TimePoint began = Clock::now();
    auto result = std::make_shared<Reading>();
    try {
      *result = config::read_endpoints(path);
    } catch (const std::exception& error) {  // no memory
      *result = std::unexpected(std::vector<config::Problem>{
          {{path, 0, 0}, "", std::string("cannot be read: ") + error.what()}});
    }
    return [this, alive, upstream, reading, began, result = std::move(result)] {
      if (!alive.expired()) took(upstream, reading, began, *result);
    };
  };
  try {
    aside_(std::move(job));
  } catch (const std::exception& error) {  // no thread
    file.reading = 0;
    fail(upstream, file, std::vector<config::Problem>{{{file.from.path, 0, 0}, "", error.what()}});
  }
}

void EndpointFiles::took(const std::string& upstream, std::uint64_t reading, TimePoint began,
                         const Reading& result) {
  const auto at = files_.find(upstream);
  if (at == files_.end() || at->second.reading != reading) return;
  File& file = at->second;
  file.reading = 0;
  const auto cluster = file.cluster.lock();
  if (!cluster) return;
  const TimePoint now = Clock::now();
  // It may have been read half written.
  const bool is_other = file.look.changed();
  if (is_other && (!file.changed_at || now - *file.changed_at < times_.longest_settle)) {
    if (!file.changed_at) file.changed_at = now;
    return schedule();
  }
  file.changed_at.reset();
  if (is_other) file.changed_at = now;
  if (!result) {
    fail(upstream, file, result.error());
  } else if (const auto problems = config::check_listed(cluster->settings(), *result);
             !problems.empty()) {
    fail(upstream, file, problems);
  } else {
    file.read_at = began;
    const bool waits = file.empty.due().has_value();
    bool is_news = !std::exchange(file.error, {}).empty();
    file.endpoints = result->size();
    if (file.empty.read(now, result->empty(), file.from.empty_after) == EmptyList::Then::take) {
      const bool is_other_list = give(file, *result);
      is_news = is_news || is_other_list;
      if (is_other_list) changed_();
    }
    is_news = is_news || waits != file.empty.due().has_value();
    if (is_news && report_) report_(upstream, info_of(file, now));
  }
  schedule();
}

void EndpointFiles::fail(const std::string& upstream, File& file,
                         std::span<const config::Problem> problems) {
  const TimePoint now = Clock::now();
  file.empty.failed();
  file.retry_at = now + times_.retry;
  file.error = problems.front().to_string();
  if (problems.size() > 1) file.error += fmt::format(" (and {} more)", problems.size() - 1);
  if (report_) report_(upstream, info_of(file, now));
}

// False when the cluster has that list.
bool EndpointFiles::give(const File& file, const config::ListedEndpoints& listed) {
  const auto cluster = file.cluster.lock();
  return cluster && cluster->set_listed(listed, file.read_at);
}

// --- telling

EndpointsFileInfo EndpointFiles::info_of(const File& file, TimePoint now) {
  EndpointsFileInfo out;
  out.file = file.from.file;
  out.endpoints = file.endpoints;
  out.error = file.error;
  out.read_ago = std::max(now - file.read_at, Duration::zero());
  if (const auto due = file.empty.due()) out.empty_in = std::max(*due - now, Duration::zero());
  return out;
}

std::optional<EndpointsFileInfo> EndpointFiles::describe(const Cluster& cluster) const {
  const auto at = files_.find(cluster.name());
  if (at == files_.end() || at->second.cluster.lock().get() != &cluster) return std::nullopt;
  return info_of(at->second, Clock::now());
}

// --- when

void EndpointFiles::schedule() {
  timer_.cancel();
  if (stopped_ || files_.empty()) return;
  const TimePoint now = Clock::now();
  TimePoint next = now + times_.interval;
  for (const auto& [upstream, file] : files_) {
    if (file.changed_at && file.reading == 0) next = std::min(next, now + times_.settle);
    if (const auto due = file.empty.due()) {
      // Not at once where it waits for something else.
      next = std::min(next, std::max(*due, now + times_.settle));
    }
  }
  timer_.expires_at(next);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code ended) {
    if (!ended && !alive.expired()) look();
  });
}

void EndpointFiles::stop() {
  if (std::exchange(stopped_, true)) return;
  alive_.reset();
  timer_.cancel();
}

}  // namespace weir::upstream
