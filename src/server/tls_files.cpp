#include "server/tls_files.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "weir/net/tls_server.hpp"
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

TlsFiles::TlsFiles(asio::io_context& main, std::vector<BoundListener>& listeners,
                   upstream::Registry& registry, telemetry::Metrics& metrics)
    : listeners_(listeners), registry_(registry), metrics_(metrics), timer_(main) {}

std::vector<config::Problem> TlsFiles::open() {
  std::vector<config::Problem> problems;
  for (BoundListener& listener : listeners_) {
    if (!listener.config->tls) continue;
    std::vector<config::Problem> warned;  // by check_tls already
    auto opened = net::TlsServer::open(*listener.config->tls, listener.config->name,
                                       offered_protocols(*listener.config), Clock::now(), warned);
    if (!opened) {
      problems.insert(problems.end(), opened.error().begin(), opened.error().end());
      continue;
    }
    listener.tls = std::move(*opened);
  }
  if (problems.empty()) {
    tell_expiry();
    schedule();
  }
  return problems;
}

void TlsFiles::set_certificates(const std::vector<config::Listener>& listeners) {
  bool any = false;
  for (BoundListener& listener : listeners_) {
    const auto next = std::ranges::find(listeners, listener.config->name, &config::Listener::name);
    if (!listener.tls || next == listeners.end() || !next->tls) continue;
    std::vector<config::Problem> warnings;  // told by check_tls already
    warn(listener.tls->set_more(next->tls->more, warnings),
         "certificate refused, the old one stays in use");
    any = true;
  }
  if (any) tell_expiry();
}

void TlsFiles::stop() { timer_.cancel(); }

void TlsFiles::schedule() {
  timer_.expires_after(interval);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    look(false);
    schedule();
  });
}

void TlsFiles::look(bool all) {
  bool any = false;
  for (BoundListener& listener : listeners_) {
    if (!listener.tls) continue;
    listener.tls->advance(Clock::now());
    bool changed = false;
    std::vector<config::Problem> warnings;
    warn(listener.tls->refresh(all, changed, warnings),
         "certificate refused, the old one stays in use");
    warn(warnings, "certificate");
    if (!changed) continue;
    any = true;
    if (!all) log::info("certificates read again", {{"listener", listener.config->name}});
  }
  if (any) tell_expiry();
  for (const auto& cluster : registry_.clusters()) {
    warn(cluster->refresh_tls(), "certificate refused, the old one stays in use");
  }
}

void TlsFiles::tell_expiry() {
  std::vector<std::shared_ptr<telemetry::CertificateMetrics>> told;
  for (const BoundListener& listener : listeners_) {
    if (!listener.tls) continue;
    // Of several certificates for a name, the one that ends first.
    std::map<std::string, std::int64_t> ends;
    for (const net::TlsServer::Certificate& one : listener.tls->certificates()) {
      for (const std::string& name : one.names) {
        const auto [at, fresh] = ends.try_emplace(name, one.ends_at);
        if (!fresh) at->second = std::min(at->second, one.ends_at);
      }
    }
    for (const auto& [name, end] : ends) {
      told.push_back(metrics_.certificate(listener.config->name, name));
      told.back()->expiry.set(static_cast<double>(end));
    }
  }
  expiry_ = std::move(told);
}

}  // namespace weir::server
