#include "telemetry/exposition.hpp"

#include <map>
#include <string>

#include "telemetry/families.hpp"
#include "telemetry/process_stats.hpp"
#include "telemetry/sums.hpp"
#include "weir/telemetry/access_log.hpp"

namespace weir::telemetry {

std::string Exposition::text() const {
  Families families;
  collect_routes(families);
  collect_listeners(families);
  collect_upstreams(families);
  collect_retries(families);
  collect_names(families);
  collect_endpoints(families);
  collect_weights(families);
  collect_leniencies(families);
  collect_rate_limits(families);
  collect_load_sheds(families);
  collect_breaker_sheds(families);
  collect_mirrors(families);
  collect_fallbacks(families);
  collect_providers(families);
  collect_jwt(families);
  collect_spans(families);
  collect_gateway(families);
  collect_process(families);
  collect_folded(families);
  if (writing_.asked.format == TextFormat::openmetrics) families += "# EOF\n";
  return families;
}

void Exposition::collect_routes(Families& out) const {
  auto requests = counter_family("weir_http_requests_total", "Requests that ended, by answer.");
  auto duration =
      histogram_family("weir_http_request_duration_seconds",
                       "Time from a request's first byte to its answer's last, without tunnels.");
  auto head = histogram_family("weir_http_response_head_seconds",
                               "Time from a request's first byte to the head of its answer.");
  auto in_flight = gauge_family("weir_http_requests_in_flight", "Requests being served.");
  auto tunnels = gauge_family("weir_tunnels_active", "Open upgraded connections.");
  auto rejected = counter_family("weir_http_rejected_total",
                                 "Requests that Weir refused, answered itself or gave up.");
  auto calls = counter_family("weir_grpc_requests_total", "gRPC calls that ended, by status.");
  auto bytes_in =
      counter_family("weir_http_request_bytes_total", "Content received from clients in bytes.");
  auto bytes_out =
      counter_family("weir_http_response_bytes_total", "Content sent to clients in bytes.");
  for (const auto& [key, held] : metrics_.routes_) {
    const RouteMetrics& route = *held.series;
    if (!used(route)) continue;
    const Label label{"route", route.route()};
    std::map<std::pair<Method, int>, std::uint64_t> answers;
    route.for_each([&](const RouteShard& shard) {
      shard.requests.for_each(
          [&](Method method, int status, std::uint64_t n) { answers[{method, status}] += n; });
    });
    for (const auto& [answer, n] : answers) {
      requests.counter({label,
                        {"method", method_label(answer.first)},
                        {"status", std::to_string(answer.second)}},
                       n);
    }
    using S = RouteShard;
    duration.histogram({label},
                       distribution(route, [](const S& s) -> auto& { return s.duration; }));
    head.histogram({label}, distribution(route, [](const S& s) -> auto& { return s.head; }));
    if (!is_gone(held)) {
      in_flight.gauge({label}, level(route, [](const S& s) -> auto& { return s.in_flight; }));
      tunnels.gauge({label}, level(route, [](const S& s) -> auto& { return s.tunnels; }));
    }
    bytes_in.counter({label}, total(route, [](const S& s) -> auto& { return s.request_bytes; }));
    bytes_out.counter({label}, total(route, [](const S& s) -> auto& { return s.response_bytes; }));
    for (std::size_t i = 0; i < reason_count; ++i) {
      const auto n = total(route, [i](const S& s) -> auto& { return s.rejected[i]; });
      if (n != 0) rejected.counter({label, {"reason", name(static_cast<Reason>(i))}}, n);
    }
    for (std::size_t i = 0; i < grpc_code_count + 2; ++i) {
      const auto n = total(route, [i](const S& s) -> auto& { return s.grpc[i]; });
      const std::string status = i < grpc_code_count    ? std::to_string(i)
                                 : i == grpc_code_count ? "other"
                                                        : "none";
      if (n != 0) calls.counter({label, {"grpc_status", status}}, n);
    }
  }
  auto splits = counter_family("weir_split_requests_total",
                               "Requests that a split sent to one of its upstreams.");
  auto weights =
      gauge_family("weir_split_weight",
                   "Weights of a split that are in force, also those that an operator set.");
  for (const auto& [key, held] : metrics_.splits_) {
    const SplitMetrics& split = *held.series;
    splits.counter({{"route", split.route()}, {"upstream", split.upstream()}},
                   total(split, [](const SplitShard& s) -> auto& { return s.requests; }));
    // A split that left the configuration has none.
    if (held.series.use_count() == 1) continue;
    weights.gauge({{"route", split.route()}, {"upstream", split.upstream()}}, split.weight.value());
  }
  for (Family* family : {&requests, &duration, &head, &in_flight, &tunnels, &rejected, &calls,
                         &bytes_in, &bytes_out, &splits, &weights}) {
    std::move(*family).append_to(out);
  }
}

void Exposition::collect_listeners(Families& out) const {
  auto active = gauge_family("weir_connections_active", "Open client connections.");
  auto all = counter_family("weir_connections_total",
                            "Client connections whose protocol was recognised, or that closed "
                            "before.");
  auto refused = counter_family("weir_connections_rejected_total",
                                "Client connections closed before a request was read.");
  auto handshakes = counter_family("weir_tls_handshakes_total", "TLS handshakes with clients.");
  auto faults = counter_family("weir_tls_handshake_failures_total",
                               "TLS handshakes with clients that failed, by cause.");
  auto expiry = gauge_family("weir_tls_certificate_expiry_timestamp_seconds",
                             "When the certificate for a name expires, since the epoch in seconds.",
                             Fold::least);
  for (const auto& [key, held] : metrics_.listeners_) {
    const ListenerMetrics& listener = *held.series;
    const Label label{"listener", listener.listener()};
    using S = ListenerShard;
    for (std::size_t i = 0; i < protocol_count; ++i) {
      const Label protocol{"protocol", name(static_cast<Protocol>(i))};
      active.gauge({label, protocol},
                   level(listener, [i](const S& s) -> auto& { return s.active[i]; }));
      all.counter({label, protocol},
                  total(listener, [i](const S& s) -> auto& { return s.total[i]; }));
    }
    for (std::size_t i = 0; i < refusal_count; ++i) {
      refused.counter({label, {"reason", name(static_cast<Refusal>(i))}},
                      total(listener, [i](const S& s) -> auto& { return s.refusals[i]; }));
    }
    const auto shake = [&](std::string_view result, std::string_view resumed, std::uint64_t n) {
      if (n != 0) handshakes.counter({label, {"result", result}, {"resumed", resumed}}, n);
    };
    shake("ok", "false", total(listener, [](const S& s) -> auto& { return s.handshakes; }));
    shake("ok", "true", total(listener, [](const S& s) -> auto& { return s.handshakes_resumed; }));
    shake("failed", "false",
          total(listener, [](const S& s) -> auto& { return s.handshakes_failed; }));
    for (std::size_t i = 0; i < handshake_fault_count; ++i) {
      const auto n = total(listener, [i](const S& s) -> auto& { return s.handshake_faults[i]; });
      if (n != 0) faults.counter({label, {"cause", name(static_cast<HandshakeFault>(i))}}, n);
    }
  }
  for (const auto& [key, held] : metrics_.certificates_) {
    if (is_gone(held)) continue;
    expiry.gauge({{"listener", key.first}, {"name", key.second}}, held.series->expiry.value());
  }
  for (Family* family : {&active, &all, &refused, &handshakes, &faults, &expiry}) {
    std::move(*family).append_to(out);
  }
}

void Exposition::collect_upstreams(Families& out) const {
  auto duration = histogram_family("weir_upstream_request_duration_seconds",
                                   "Time from the start of a try to the last byte of its answer.");
  auto connect =
      histogram_family("weir_upstream_connect_seconds", "Time to open connections to endpoints.");
  auto queue = histogram_family("weir_upstream_queue_seconds",
                                "Time spent waiting for a place in the upstream's pool.");
  auto saturation =
      gauge_family("weir_upstream_saturation_ratio",
                   "Use of the upstream's pool and queue against their limits.", Fold::largest);
  auto unresolved =
      gauge_family("weir_upstream_unresolved", "Names of endpoints that have no address.");
  auto panic = gauge_family("weir_upstream_panic",
                            "Whether health is ignored for lack of healthy endpoints: 1 or 0.",
                            Fold::largest);
  auto breaker = gauge_family("weir_circuit_breaker_state",
                              "Circuit breaker: 0 closed, 1 half-open, 2 open.", Fold::largest);
  auto transitions = counter_family("weir_circuit_breaker_transitions_total",
                                    "Changes of the circuit breaker's state.");
  auto checks =
      counter_family("weir_health_checks_total", "Health checks of endpoints that ended.");
  auto ejections = counter_family("weir_outlier_ejections_total",
                                  "Endpoints that were left out for what their requests came to.");
  constexpr std::array<std::string_view, 3> states{"closed", "half_open", "open"};
  constexpr std::array<std::string_view, 2> causes{"consecutive_errors", "failure_share"};
  for (const auto& [key, held] : metrics_.upstreams_) {
    const UpstreamMetrics& upstream = *held.series;
    const Label label{"upstream", upstream.upstream()};
    if (is_shown(held)) {
      saturation.gauge({label}, upstream.saturation.value());
      unresolved.gauge({label}, upstream.unresolved.value());
      panic.gauge({label}, upstream.panic.value());
    }
    if (upstream.breaker.active.value() != 0) {
      if (is_shown(held)) breaker.gauge({label}, upstream.breaker.state.value());
      for (std::size_t i = 0; i < states.size(); ++i) {
        transitions.counter_of({label, {"to", states[i]}}, upstream.breaker.transitions[i].value());
      }
    }
    if (upstream.health.checked.value() != 0) {
      checks.counter_of({label, {"result", "success"}}, upstream.health.checks_passed.value());
      checks.counter_of({label, {"result", "failure"}}, upstream.health.checks_failed.value());
    }
    for (std::size_t i = 0; i < causes.size() && upstream.health.judged.value() != 0; ++i) {
      ejections.counter_of({label, {"cause", causes[i]}}, upstream.health.ejections[i].value());
    }
    if (!used(upstream)) continue;
    using S = UpstreamShard;
    duration.histogram({label},
                       distribution(upstream, [](const S& s) -> auto& { return s.duration; }));
    connect.histogram({label},
                      distribution(upstream, [](const S& s) -> auto& { return s.connect; }));
    queue.histogram({label}, distribution(upstream, [](const S& s) -> auto& { return s.queue; }));
  }
  for (Family* family : {&duration, &connect, &queue, &saturation, &unresolved, &panic, &breaker,
                         &transitions, &checks, &ejections}) {
    std::move(*family).append_to(out);
  }
}

// Messages that a peer got through because a key forgives its fault.
void Exposition::collect_leniencies(Families& out) const {
  auto forgiven =
      counter_family("weir_lenient_total",
                     "Malformed messages that were accepted because a key allows it, by that key.");
  const auto count = [&](Label whose, std::string_view key, std::uint64_t n) {
    if (n != 0) forgiven.counter({whose, {"key", key}}, n);
  };
  for (const auto& [key, held] : metrics_.listeners_) {
    const ListenerMetrics& listener = *held.series;
    count({"listener", listener.listener()}, "raw_target_bytes",
          total(listener, [](const ListenerShard& s) -> auto& { return s.raw_targets; }));
  }
  for (const auto& [key, held] : metrics_.upstreams_) {
    const UpstreamMetrics& upstream = *held.series;
    const Label whose{"upstream", upstream.upstream()};
    using S = UpstreamShard;
    count(whose, "bare_lf", total(upstream, [](const S& s) -> auto& { return s.bare_lf; }));
    count(whose, "padded_chunk_size",
          total(upstream, [](const S& s) -> auto& { return s.padded_chunk_size; }));
  }
  std::move(forgiven).append_to(out);
}

void Exposition::collect_endpoints(Families& out) const {
  constexpr std::array<std::string_view, 6> classes{"-", "1xx", "2xx", "3xx", "4xx", "5xx"};
  auto requests = counter_family("weir_upstream_requests_total", "Tries at endpoints that ended.");
  auto connections =
      gauge_family("weir_upstream_connections", "Connections to endpoints, by what they do.");
  auto healthy = gauge_family("weir_upstream_endpoint_healthy",
                              "Whether the endpoint gets requests: 1 or 0.", Fold::least);
  auto limits = gauge_family("weir_upstream_concurrency_limit",
                             "Requests that the endpoint may have at a time, by `concurrency`.");
  for (const auto& [key, held] : metrics_.endpoints_) {
    const EndpointMetrics& endpoint = *held.series;
    const Label upstream{"upstream", endpoint.upstream()};
    const Label address{"endpoint", endpoint.address()};
    using S = EndpointShard;
    for (std::size_t i = 0; i < try_result_count; ++i) {
      for (std::size_t c = 0; c < classes.size(); ++c) {
        const auto n = total(endpoint, [i, c](const S& s) -> auto& { return s.requests[i][c]; });
        if (n == 0) continue;
        requests.counter({upstream,
                          address,
                          {"result", name(static_cast<TryResult>(i))},
                          {"status_class", classes[c]}},
                         n);
      }
    }
    if (!is_shown(held)) continue;
    connections.gauge({upstream, address, {"state", "idle"}},
                      level(endpoint, [](const S& s) -> auto& { return s.idle; }));
    connections.gauge({upstream, address, {"state", "active"}},
                      level(endpoint, [](const S& s) -> auto& { return s.active; }));
    healthy.gauge({upstream, address}, endpoint.healthy.value());
    if (const double limit = endpoint.concurrency_limit.value(); limit != 0) {
      limits.gauge({upstream, address}, limit);
    }
  }
  for (Family* family : {&requests, &connections, &healthy, &limits}) {
    std::move(*family).append_to(out);
  }
}

void Exposition::collect_gateway(Families& out) const {
  const auto single = [&](Family family, double value) {
    family.gauge({}, value);
    std::move(family).append_to(out);
  };
  auto dropped = counter_family("weir_access_log_dropped_total",
                                "Access log lines lost: a full ring or a failed write.");
  dropped.counter({}, metrics_.access_log_ == nullptr ? 0 : metrics_.access_log_->dropped());
  std::move(dropped).append_to(out);

  auto utilization = gauge_family("weir_worker_utilization_ratio",
                                  "Share of its time that a worker was busy.", Fold::largest);
  for (unsigned i = 0; i < metrics_.workers_; ++i) {
    utilization.gauge({{"worker", std::to_string(i)}}, metrics_.utilization_[i].value());
  }
  std::move(utilization).append_to(out);
  single(gauge_family("weir_saturation_ratio",
                      "The highest of worker use, connections and requests, against their limits."),
         metrics_.saturation.value());

  auto reloads = counter_family("weir_config_reloads_total", "Reloads of the configuration.");
  reloads.counter({{"result", "success"}}, metrics_.reloads_succeeded_.value());
  reloads.counter({{"result", "failure"}}, metrics_.reloads_failed_.value());
  std::move(reloads).append_to(out);
  single(gauge_family("weir_config_last_reload_successful",
                      "Whether the last reload took effect: 1 or 0."),
         metrics_.last_reload_successful_.value());
  single(gauge_family("weir_config_generation", "Number of the configuration in use."),
         metrics_.config_generation.value());
  single(gauge_family("weir_config_snapshots", "Configurations in memory."),
         metrics_.config_snapshots.value());
  single(gauge_family("weir_config_rolled_back",
                      "1 while a generation that was rolled back to is in use."),
         metrics_.config_rolled_back.value());

  auto upgrades = counter_family(
      "weir_upgrades_total", "Hand-overs to a new binary, by this process and those before it.");
  upgrades.counter_of({{"result", "success"}}, metrics_.upgrades_succeeded.value());
  upgrades.counter_of({{"result", "failure"}}, metrics_.upgrades_failed.value());
  std::move(upgrades).append_to(out);

  auto build = gauge_family("weir_build_info", "Version and I/O backend; always 1.");
  build.gauge({{"version", metrics_.version_}, {"io_backend", metrics_.io_backend_}}, 1);
  std::move(build).append_to(out);
}

void Exposition::collect_process(Families& out) const {
  const ProcessStats stats = read_process_stats();
  const auto gauge = [&](std::string_view name, std::string_view help, double value) {
    Family family = gauge_family(name, help);
    family.gauge({}, value);
    std::move(family).append_to(out);
  };
  auto cpu = counter_family("process_cpu_seconds_total",
                            "Total user and system CPU time spent in seconds.");
  cpu.counter_of({}, stats.cpu_seconds);
  std::move(cpu).append_to(out);
  gauge("process_start_time_seconds", "Start time of the process since the epoch in seconds.",
        stats.start_time);
  gauge("process_resident_memory_bytes", "Resident memory size in bytes.",
        static_cast<double>(stats.resident));
  gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.",
        static_cast<double>(stats.virtual_size));
  gauge("process_threads", "Number of threads.", static_cast<double>(stats.threads));
  gauge("process_open_fds", "Number of open file descriptors.",
        static_cast<double>(stats.open_fds));
  gauge("process_max_fds", "Maximum number of open file descriptors.",
        static_cast<double>(stats.max_fds));
}

// Behind all others: it tells what became of them.
void Exposition::collect_folded(Families& out) const {
  auto folded = gauge_family("weir_metrics_folded_series",
                             "Series beyond metrics.max_series, which are added up under _other.");
  writing_.ceilings.for_each_folded([&](std::string_view family, std::uint64_t n) {
    folded.gauge({{"family", family}}, static_cast<double>(n));
  });
  std::move(folded).append_to(out);
}

}  // namespace weir::telemetry
