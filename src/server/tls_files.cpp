#include "server/tls_files.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "server/listener_changes.hpp"
#include "weir/server/check_tls.hpp"
#include "weir/telemetry/log.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir::server {

namespace log = telemetry::log;

namespace {

constexpr Duration interval = std::chrono::seconds(2);

void warn(const std::vector<config::Problem>& problems, std::string_view what) {
  for (const config::Problem& problem : problems) log::warn(what, {{"why", problem.to_string()}});
}

}  // namespace

std::vector<std::string> offered_protocols(const config::Listener& listener) {
  const config::Protocols spoken = listener.spoken();
  std::vector<std::string> out;
  if (spoken.h2) out.emplace_back("h2");
  if (spoken.http1) out.insert(out.end(), {"http/1.1", "http/1.0"});
  return out;
}

std::vector<config::Problem> check_tls(const config::Config& config,
                                       std::vector<config::Problem>& warnings) {
  std::vector<config::Problem> problems;
  for (const config::Listener& listener : config.listeners) {
    if (!listener.tls) continue;
    const auto opened = net::TlsServer::open(*listener.tls, listener.name,
                                             offered_protocols(listener), Clock::now(), warnings);
    if (opened) continue;
    problems.insert(problems.end(), opened.error().begin(), opened.error().end());
  }
  for (const config::Upstream& upstream : config.upstreams) {
    const auto opened = upstream::open_tls(upstream);
    if (opened) continue;
    problems.insert(problems.end(), opened.error().begin(), opened.error().end());
  }
  return problems;
}

TlsServers open_listeners(const config::Config& config, const std::vector<config::Listener>& before,
                          std::vector<config::Problem>& problems) {
  TlsServers out;
  for (const config::Listener& listener : config.listeners) {
    if (!listener.tls) continue;
    const config::Listener* const now = find_listener(before, listener.name);
    if (now != nullptr && same_handshakes(*now, listener)) continue;
    std::vector<config::Problem> warned;  // by check_tls already
    auto opened = net::TlsServer::open(*listener.tls, listener.name, offered_protocols(listener),
                                       Clock::now(), warned);
    if (!opened) {
      problems.insert(problems.end(), opened.error().begin(), opened.error().end());
      continue;
    }
    out.emplace(listener.name, std::move(*opened));
  }
  return out;
}

TlsFiles::TlsFiles(asio::io_context& main, Listeners listeners, upstream::Registry& registry,
                   telemetry::Metrics& metrics)
    : listeners_(std::move(listeners)), registry_(registry), metrics_(metrics), timer_(main) {}

void TlsFiles::begin() {
  tell_expiry();
  schedule();
}

void TlsFiles::stop() { timer_.cancel(); }

void TlsFiles::schedule() {
  timer_.expires_after(interval);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    look();
    schedule();
  });
}

void TlsFiles::refresh(const std::vector<config::Listener>& next, const TlsServers& opened) {
  std::vector<EditionPtr> staying;
  for (EditionPtr& each : listeners_()) {
    const std::string& name = each->config.name;
    const config::Listener* const found = find_listener(next, name);
    if (found == nullptr || !found->tls || opened.contains(name)) continue;
    std::vector<config::Problem> warnings;  // told by check_tls already
    warn(each->tls->set_more(found->tls->more, warnings),
         "certificate refused, the old one stays in use");
    staying.push_back(std::move(each));
  }
  look(true, staying);
}

void TlsFiles::look(bool all, const std::vector<EditionPtr>& listeners) {
  bool any = false;
  for (const EditionPtr& listener : listeners) {
    listener->tls->advance(Clock::now());
    bool changed = false;
    std::vector<config::Problem> warnings;
    warn(listener->tls->refresh(all, changed, warnings),
         "certificate refused, the old one stays in use");
    warn(warnings, "certificate");
    if (!changed) continue;
    any = true;
    if (!all) log::info("certificates read again", {{"listener", listener->config.name}});
  }
  if (any) tell_expiry();
  for (const auto& cluster : registry_.clusters()) {
    warn(cluster->refresh_tls(), "certificate refused, the old one stays in use");
  }
}

void TlsFiles::tell_expiry() {
  std::vector<std::shared_ptr<telemetry::CertificateMetrics>> told;
  for (const EditionPtr& listener : listeners_()) {
    // Of several certificates for a name, the one that ends first.
    std::map<std::string, std::int64_t> ends;
    for (const net::TlsServer::Certificate& one : listener->tls->certificates()) {
      for (const std::string& name : one.names) {
        const auto [at, fresh] = ends.try_emplace(name, one.ends_at);
        if (!fresh) at->second = std::min(at->second, one.ends_at);
      }
    }
    for (const auto& [name, end] : ends) {
      told.push_back(metrics_.certificate(listener->config.name, name));
      told.back()->expiry.set(static_cast<double>(end));
    }
  }
  expiry_ = std::move(told);
}

}  // namespace weir::server
