#include "config/provider_checks.hpp"

#include <algorithm>

#include "config/unknown_names.hpp"

namespace weir::config {
namespace {

void check_certified(const Draft& draft, const Written& name, const Config& config,
                     Problems& problems) {
  const auto found = std::ranges::find(config.listeners, name.text, &Listener::name);
  if (found != config.listeners.end()) {
    if (!found->tls) {
      problems.error(name.place, name.path, "listener " + in_quotes(name.text) + " has no `tls`");
    }
    return;
  }
  if (draft.unread.contains("listeners")) return;
  std::vector<std::string_view> known;
  for (const Listener& each : config.listeners) known.push_back(each.name);
  tell_unknown(name, "listener", known, problems);
}

}  // namespace

void add_certificates(const Draft& draft, Config& config, Problems& problems) {
  for (const CertificateDraft& one : draft.certificates) {
    const Certificate& each = one.certificate;
    for (const Written& name : one.listeners) check_certified(draft, name, config, problems);
    bool has_any = false;
    for (Listener& listener : config.listeners) {
      const bool is_meant =
          each.listeners.empty() ||
          std::ranges::find(each.listeners, listener.name) != each.listeners.end();
      if (!listener.tls || !is_meant) continue;
      has_any = true;
      listener.tls->more.push_back(each.files);
    }
    if (!has_any && each.listeners.empty() && !draft.unread.contains("listeners")) {
      problems.error(each.place, one.at, "there is no listener with `tls`");
    }
    config.certificates.push_back(each);
  }
}

void settle_etcd(Config& config, Problems& problems) {
  for (Upstream& upstream : config.upstreams) {
    if (!upstream.endpoints_from || !upstream.endpoints_from->etcd) continue;
    EtcdEndpoints& etcd = *upstream.endpoints_from->etcd;
    if (etcd.is_own) continue;
    if (config.providers.etcd) {
      etcd.access = config.providers.etcd->access;
    } else {
      problems.error(upstream.place, "upstreams." + upstream.name + ".endpoints_from.etcd",
                     "needs `endpoints`: there is no `providers.etcd` whose could be meant");
    }
  }
}

}  // namespace weir::config
