#include "server/config_watch.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "server/watched_folders.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {

namespace log = telemetry::log;

namespace {

// Editors and `kubelet` need several steps for a change.
constexpr Duration still_for = std::chrono::milliseconds(200);
constexpr Duration longest_burst = std::chrono::seconds(2);
// Where the system cannot tell of changes.
constexpr Duration poll_interval = std::chrono::seconds(2);

void add_path(std::vector<std::string>& out, const config::File& file) {
  if (file) out.push_back(file.path);
}

}  // namespace

std::vector<std::string> tls_paths(const config::Config& config) {
  std::vector<std::string> out;
  for (const config::Listener& listener : config.listeners) {
    if (!listener.tls) continue;
    add_path(out, listener.tls->client_auth.ca);
    for (const config::CertificateFiles& each : listener.tls->certificates) {
      add_path(out, each.cert);
      add_path(out, each.key);
      add_path(out, each.ocsp);
      if (each.client_auth) add_path(out, each.client_auth->ca);
    }
  }
  for (const config::Upstream& upstream : config.upstreams) {
    if (!upstream.tls) continue;
    add_path(out, upstream.tls->ca);
    add_path(out, upstream.tls->cert);
    add_path(out, upstream.tls->key);
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

ConfigWatch::ConfigWatch(asio::io_context& main, std::function<void()> reload,
                         std::function<void()> look)
    : reload_(std::move(reload)),
      look_(std::move(look)),
      events_(main, [this] { happened(); }),
      timer_(main),
      burst_(still_for, longest_burst) {}

void ConfigWatch::watch(Files files) {
  if (files.read.empty() && !on_) {
    log::warn("server.watch: the configuration did not come from a file, nothing is watched");
  }
  on_ = true;
  read_.clear();
  for (config::ReadFile& each : files.read) {
    const bool known = std::ranges::find(read_, each.path, &Known::path) != read_.end();
    if (!known) read_.push_back({std::move(each.path), each.stamp});
  }
  // Those that were watched before keep what was seen of them.
  std::vector<Known> tls;
  for (std::string& path : files.tls) {
    const auto before = std::ranges::find(tls_, path, &Known::path);
    const FileStamp stamp = before != tls_.end() ? before->stamp : FileStamp::of(path);
    tls.push_back({std::move(path), stamp});
  }
  tls_ = std::move(tls);
  folder_ = std::move(files.listed_folder);
  listed_.clear();
  if (!folder_.empty()) {
    // The files of the configuration come first, in the order of their names.
    for (const std::string& name : config::source_names(folder_)) {
      if (std::ranges::find(read_, name, &Known::path) != read_.end()) listed_.push_back(name);
    }
  }
  arm();
  happened();  // perhaps something has changed between the reading and now
}

void ConfigWatch::stop() {
  on_ = false;
  burst_.acted();
  events_.stop();
  timer_.cancel();
}

void ConfigWatch::happened() {
  if (on_) wait_until(burst_.happened(Clock::now()));
}

void ConfigWatch::wait_until(TimePoint when) {
  timer_.expires_at(when);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error && on_) look();
  });
}

bool ConfigWatch::changed(std::vector<Known>& files) {
  bool out = false;
  for (Known& each : files) {
    const FileStamp now = FileStamp::of(each.path);
    if (now == each.stamp) continue;
    each.stamp = now;
    out = true;
  }
  return out;
}

void ConfigWatch::look() {
  burst_.acted();
  // Before the looks: what changes behind one is heard of.
  arm();
  bool read = changed(read_);
  if (!folder_.empty()) {
    std::vector<std::string> listed = config::source_names(folder_);
    read = read || listed != listed_;
    listed_ = std::move(listed);
  }
  const bool tls = changed(tls_);
  if (polls_) wait_until(Clock::now() + poll_interval);
  if (read) {
    log::info("the configuration's files have changed");
    reload_();
  } else if (tls) {
    look_();
  }
}

void ConfigWatch::arm() {
  std::vector<std::string> folders;
  const auto add_folders = [&](const std::string& path) {
    for (std::string& folder : watched_folders(path)) folders.push_back(std::move(folder));
  };
  for (const Known& each : read_) add_folders(each.path);
  for (const Known& each : tls_) add_folders(each.path);
  if (!folder_.empty()) add_folders(folder_);
  std::ranges::sort(folders);
  folders.erase(std::unique(folders.begin(), folders.end()), folders.end());
  const std::string why = events_.watch(folders);
  const bool was = std::exchange(polls_, !why.empty());
  if (!polls_ || was) return;
  log::warn("the system does not tell of changes of files; Weir looks at them every two seconds",
            {{"why", why}});
}

}  // namespace weir::server
