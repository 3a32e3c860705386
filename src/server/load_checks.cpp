#include "weir/server/load_checks.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "weir/route/expression_fault.hpp"
#include "weir/server/caller_memory.hpp"
#include "weir/server/check_tls.hpp"
#include "weir/server/snapshot.hpp"

namespace weir::server {
namespace {

// Whether all the files are named: what is missing has been said.
bool is_whole(const config::ClientAuth& auth) {
  return auth.mode == config::ClientAuthMode::off || auth.ca;
}
bool is_whole(const config::ListenerTls& tls) {
  return !tls.certificates.empty() && is_whole(tls.client_auth) &&
         std::ranges::all_of(tls.certificates, [](const config::CertificateFiles& one) {
           return one.cert && one.key && (!one.client_auth || is_whole(*one.client_auth));
         });
}
bool is_whole(const config::UpstreamTls& tls) { return bool{tls.cert} == bool{tls.key}; }

}  // namespace

config::LoadChecks load_checks() {
  return {.regex = route::expression_fault, .files = [](const config::Config& config) {
            // Of a configuration that is wrong elsewhere: what is left of it.
            config::Config whole;
            std::ranges::copy_if(
                config.listeners, std::back_inserter(whole.listeners),
                [](const config::Listener& one) { return one.tls && is_whole(*one.tls); });
            std::ranges::copy_if(
                config.upstreams, std::back_inserter(whole.upstreams),
                [](const config::Upstream& one) { return one.tls && is_whole(*one.tls); });
            std::vector<config::Problem> warnings;
            std::vector<config::Problem> problems = check_tls(whole, warnings);
            std::ranges::move(check_keys(config, true), std::back_inserter(problems));
            return problems;
          }};
}

std::vector<config::Problem> check_loaded(config::Loaded& loaded) {
  std::vector<config::Problem> problems = check_tls(loaded.config, loaded.warnings);
  if (auto warning = caller_memory_warning(loaded.config)) {
    loaded.warnings.push_back(std::move(*warning));
  }
  config::settle_warnings(loaded);
  return problems;
}

}  // namespace weir::server
