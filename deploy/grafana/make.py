#!/usr/bin/env python3
"""Makes the boards (*.json in this folder) from the table below; a test compares them with what this writes.
Usage: make.py [FOLDER]

Every query is made by the functions of the first part, which know all names that boards may use. A board is a list of rows, a row
a list of panels."""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDE = 24  # columns of Grafana's grid

# --- queries

ALL = 'job=~"$job",instance=~"$instance"'
ROUTE, UPSTREAM = 'route=~"$route"', 'upstream=~"$upstream"'


def series(name, *where):
    return f"{name}{{{','.join((ALL, *where))}}}"


def grouped(by, inner, how="sum"):
    return f"{how} by ({by}) ({inner})" if by else f"{how}({inner})"


def rate(name, by="", *where):
    return grouped(by, f"rate({series(name, *where)}[$__rate_interval])")


def level(name, by="", *where, how="sum"):
    return grouped(by, series(name, *where), how)


def quantile(q, name, by, *where):
    labels = ", ".join(part for part in (by, "le") if part)
    return f"histogram_quantile({q}, {rate(name + '_bucket', labels, *where)})"


def share(part, whole):
    """0 where there is no part, and nothing where there is no whole."""
    return f"(({part}) or ({whole}) * 0) / ({whole})"


# --- panels

# Limits at which alerts fire (deploy/prometheus): a board turns red where somebody is woken.
SATURATED, SLOW, FEW_ERRORS = 0.85, 1, 0.001


def panel(title, unit, *queries, kind="timeseries", width=8, height=8, says="", limit=None, least=0, most=None,
          below=False, mappings=None, stacked=False):
    """`queries`: (legend, expression). `limit`: beyond it the colour is red; `below`: under it."""
    colours = [{"color": "green", "value": None}]
    if limit is not None:
        colours = ([{"color": "red", "value": None}, {"color": "green", "value": limit}] if below
                   else colours + [{"color": "red", "value": limit}])
    defaults = {"unit": unit, "thresholds": {"mode": "absolute", "steps": colours}, "mappings": mappings or []}
    if least is not None:
        defaults["min"] = least
    if most is not None:
        defaults["max"] = most
    out = {"title": title, "type": kind, "description": says, "datasource": SOURCE,
           "gridPos": {"w": width, "h": height}, "fieldConfig": {"defaults": defaults, "overrides": []}, "targets": []}
    for number, (legend, expression) in enumerate(queries):
        target = {"refId": chr(ord("A") + number), "datasource": SOURCE, "editorMode": "code", "expr": expression,
                  "legendFormat": legend, "range": kind != "stat", "instant": kind == "stat"}
        if "_bucket" in expression and kind == "timeseries":
            target["exemplar"] = True
        out["targets"].append(target)
    if kind == "timeseries":
        defaults["custom"] = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 30 if stacked else 8,
                              "showPoints": "never", "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
                              "thresholdsStyle": {"mode": "off" if limit is None else "line"}}
        defaults["color"] = {"mode": "palette-classic"}
        out["options"] = {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
                          "tooltip": {"mode": "multi", "sort": "desc"}}
    elif kind == "stat":
        defaults["color"] = {"mode": "thresholds"}
        out["options"] = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
                          "colorMode": "background" if limit is not None else "value", "graphMode": "none",
                          "textMode": "auto"}
    elif kind == "state-timeline":
        defaults["color"] = {"mode": "thresholds"}
        defaults["custom"] = {"fillOpacity": 80, "lineWidth": 0}
        out["options"] = {"showValue": "never", "mergeValues": True, "rowHeight": 0.9,
                          "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False}}
    return out


def stat(title, unit, expression, **more):
    return panel(title, unit, ("", expression), kind="stat", width=4, height=4, **more)


def states(title, legend, expression, names, bad, **more):
    """`names`: what the numbers mean; `bad`: those that are red, others are green."""
    mapping = {str(number): {"text": text, "color": "red" if number in bad else "green", "index": index}
               for index, (number, text) in enumerate(sorted(names.items()))}
    return panel(title, "none", (legend, expression), kind="state-timeline", least=None,
                 mappings=[{"type": "value", "options": mapping}], **more)


def variable(name, label, query, many=True):
    out = {"name": name, "label": label, "type": "query", "datasource": SOURCE, "refresh": 2, "sort": 1, "hide": 0,
           "definition": query, "query": {"query": query, "refId": name}, "multi": many, "includeAll": many}
    return {**out, "allValue": ".*", "current": {"text": "All", "value": "$__all"}} if many else out


JOB = variable("job", "Job", "label_values(weir_build_info, job)")
INSTANCE = variable("instance", "Gateway", 'label_values(weir_build_info{job=~"$job"}, instance)')
OF_ROUTES = variable("route", "Route", f"label_values({series('weir_http_requests_total')}, route)")
OF_UPSTREAMS = variable("upstream", "Upstream", f"label_values({series('weir_upstream_saturation_ratio')}, upstream)")

# --- the table

ERRORS = 'status=~"5.."'
ANSWERED_5XX = 'status_class="5xx"'
FAILED = 'result!~"ok|client_gone|hedge_lost"'


def red(by, *where):
    """Rate, errors, duration."""
    return [
        panel("Requests", "reqps", ("{{%s}}" % by, rate("weir_http_requests_total", by, *where))),
        panel("5xx", "percentunit",
              ("{{%s}}" % by, share(rate("weir_http_requests_total", by, ERRORS, *where),
                                    rate("weir_http_requests_total", by, *where))),
              says="The share of answers with a status of 500 or above, the upstreams' and Weir's own."),
        panel("Time to the head, 99 %", "s",
              ("{{%s}}" % by, quantile(0.99, "weir_http_response_head_seconds", by, *where)), limit=SLOW,
              says="From the first byte of a request to the head of its answer: 1 of 100 takes longer."),
    ]


OVERVIEW = ("Weir: overview", "What callers see, and what is wrong.", [JOB, INSTANCE, OF_ROUTES], [
    ("Now", [
        stat("Requests", "reqps", rate("weir_http_requests_total", "", ROUTE)),
        stat("5xx", "percentunit", share(rate("weir_http_requests_total", "", ERRORS, ROUTE),
                                         rate("weir_http_requests_total", "", ROUTE)), limit=FEW_ERRORS),
        stat("Time to the head, 99 %", "s", quantile(0.99, "weir_http_response_head_seconds", "", ROUTE), limit=SLOW),
        stat("Saturation", "percentunit", level("weir_saturation_ratio", how="max"), limit=SATURATED,
             says="The worst gateway: worker use, connections, or requests compared with their limits."),
        stat("Breakers open", "none", f"count({series('weir_circuit_breaker_state')} == 2) or vector(0)", limit=1),
        stat("Endpoints out", "none", f"count({series('weir_upstream_endpoint_healthy')} == 0) or vector(0)", limit=1)]),
    ("Requests, errors, duration by route", red("route", ROUTE) + [
        panel("Time to the head", "s", *((f"{name} %", quantile(q, "weir_http_response_head_seconds", "", ROUTE))
                                        for q, name in ((0.5, "50"), (0.95, "95"), (0.99, "99"), (0.999, "99.9"))),
              limit=SLOW, says="Of the chosen routes together; points are exemplars, if there is tracing."),
        panel("Whole requests, 99 %", "s", ("{{route}}", quantile(0.99, "weir_http_request_duration_seconds", "route", ROUTE)),
              says="To the last byte of the answer. Downloads and streams may last."),
        panel("In flight", "none", ("{{route}}", level("weir_http_requests_in_flight", "route", ROUTE)),
              ("{{route}}, tunnels", level("weir_tunnels_active", "route", ROUTE) + " > 0")),
        panel("Answers by status", "reqps", ("{{status}}", rate("weir_http_requests_total", "status", ROUTE)), stacked=True),
        panel("Content", "Bps", ("from clients", rate("weir_http_request_bytes_total", "", ROUTE)),
              ("to clients", rate("weir_http_response_bytes_total", "", ROUTE))),
        panel("gRPC by status", "reqps", ("{{grpc_status}}", rate("weir_grpc_requests_total", "grpc_status", ROUTE)),
              stacked=True)]),
    ("Errors by reason", [
        panel("Weir's own answers", "reqps", ("{{reason}}", rate("weir_http_rejected_total", "reason", ROUTE)), width=12,
              stacked=True, says="docs/operations.md, Reasons, says what each means."),
        panel("By route", "reqps", ("{{route}}: {{reason}}", rate("weir_http_rejected_total", "route, reason", ROUTE)),
              width=12),
        panel("Rate limits", "reqps", ("{{policy}}: {{decision}}", rate("weir_rate_limit_total", "policy, decision",
                                                                      'decision!="allowed"'))),
        panel("Shed", "reqps", ("{{policy}}: {{priority}}", rate("weir_load_shed_requests_total", "policy, priority")),
              ("{{upstream}}: {{priority}}", rate("weir_circuit_breaker_shed_requests_total", "upstream, priority"))),
        panel("Fallbacks", "reqps", ("{{route}}: {{reason}}", rate("weir_fallbacks_total", "route, reason", ROUTE)))]),
    ("Tries", [
        panel("By result", "reqps", ("{{result}}", rate("weir_upstream_requests_total", "result")), stacked=True,
              says="A request is tried once, unless its route retries or hedges."),
        panel("Retries", "reqps", ("{{result}}", rate("weir_retries_total", "result"))),
        panel("Hedges", "reqps", ("{{result}}", rate("weir_hedges_total", "result")))]),
    ("Saturation", [
        panel("Gateways", "percentunit", ("{{instance}}", level("weir_saturation_ratio", "instance", how="max")),
              limit=SATURATED, most=1),
        panel("Upstreams' pools", "percentunit", ("{{upstream}}", level("weir_upstream_saturation_ratio", "upstream", how="max")),
              limit=SATURATED, most=1),
        panel("Client connections", "none", ("{{listener}} {{protocol}}", level("weir_connections_active", "listener, protocol")),
              ("refused a second: {{reason}}", rate("weir_connections_rejected_total", "reason") + " > 0"))]),
    ("Configuration", [
        panel("Last reload", "none", ("{{instance}}", level("weir_config_last_reload_successful", "instance", how="min")),
              most=1, says="0: it was refused, and what runs is older than the file."),
        panel("Certificates end in", "d",
              ("{{name}}", "(" + level("weir_tls_certificate_expiry_timestamp_seconds", "name", how="min") + " - time()) / 86400"),
              limit=14, below=True, least=None),
        panel("Providers", "none", ("{{provider}}", level("weir_provider_up", "provider", how="min")), most=1,
              says="1: it answers.")]),
])

UPSTREAMS = ("Weir: upstreams", "Health, pools, latency, breakers and retries of upstreams.", [JOB, INSTANCE, OF_UPSTREAMS], [
    ("Traffic", [
        panel("Tries", "reqps", ("{{upstream}}", rate("weir_upstream_requests_total", "upstream", UPSTREAM))),
        panel("Failed", "percentunit",
              ("{{upstream}}", share(rate("weir_upstream_requests_total", "upstream", FAILED, UPSTREAM),
                                     rate("weir_upstream_requests_total", "upstream", UPSTREAM))),
              says="Tries without a whole answer; one with status 500 is an answer."),
        panel("Answered 5xx", "percentunit",
              ("{{upstream}}", share(rate("weir_upstream_requests_total", "upstream", ANSWERED_5XX, UPSTREAM),
                                     rate("weir_upstream_requests_total", "upstream", UPSTREAM)))),
        panel("By endpoint", "reqps", ("{{endpoint}}", rate("weir_upstream_requests_total", "endpoint", UPSTREAM)), width=12),
        panel("Failures by result", "reqps",
              ("{{endpoint}}: {{result}}", rate("weir_upstream_requests_total", "endpoint, result", FAILED, UPSTREAM)), width=12),
        panel("By zone", "reqps", ("{{zone}}", rate("weir_upstream_zone_requests_total", "zone", UPSTREAM))),
        panel("Weights in force", "none", ("{{endpoint}}", level("weir_upstream_endpoint_weight", "endpoint", UPSTREAM, how="max"))),
        panel("Reports of load", "reqps", ("{{upstream}}: {{result}}",
                                           rate("weir_upstream_load_reports_total", "upstream, result", UPSTREAM)))]),
    ("Health", [
        states("Endpoints", "{{upstream}} {{endpoint}}",
               level("weir_upstream_endpoint_healthy", "upstream, endpoint", UPSTREAM, how="min"),
               {0: "gets no requests", 1: "gets requests"}, {0}, width=16),
        panel("Endpoints that get requests", "none",
              ("{{upstream}}", level("weir_upstream_endpoint_healthy", "upstream, instance", UPSTREAM)),
              ("{{upstream}}, addresses", level("weir_upstream_endpoints", "upstream, instance", UPSTREAM))),
        panel("Failed checks", "reqps", ("{{upstream}}", rate("weir_health_checks_total", "upstream", 'result="failure"', UPSTREAM))),
        panel("Ejections", "cps", ("{{upstream}}: {{cause}}", rate("weir_outlier_ejections_total", "upstream, cause", UPSTREAM))),
        panel("Panic, names without address, files that are wrong", "none",
              ("{{upstream}}: panic", level("weir_upstream_panic", "upstream", UPSTREAM, how="max")),
              ("{{upstream}}: no address", level("weir_upstream_unresolved", "upstream", UPSTREAM, how="max")),
              ("{{upstream}}: file", level("weir_upstream_endpoints_from_failed", "upstream", UPSTREAM, how="max"))),
        panel("Look-ups of names", "cps", ("{{upstream}}: {{result}}",
                                           rate("weir_dns_lookups_total", "upstream, result", UPSTREAM)))]),
    ("Pool", [
        panel("Use of pool and queue", "percentunit",
              ("{{upstream}}", level("weir_upstream_saturation_ratio", "upstream", UPSTREAM, how="max")), limit=SATURATED, most=1),
        panel("Connections", "none", ("{{upstream}} {{state}}", level("weir_upstream_connections", "upstream, state", UPSTREAM))),
        panel("Wait for a place", "s", *((f"{{{{upstream}}}} {name} %", quantile(q, "weir_upstream_queue_seconds", "upstream", UPSTREAM))
                                        for q, name in ((0.5, "50"), (0.99, "99"))), says="Only of those that waited."),
        panel("Limits by concurrency", "none", ("{{endpoint}}", level("weir_upstream_concurrency_limit", "endpoint", UPSTREAM)))]),
    ("Latency", [
        panel("Tries", "s", *((f"{{{{upstream}}}} {name} %", quantile(q, "weir_upstream_request_duration_seconds", "upstream", UPSTREAM))
                              for q, name in ((0.5, "50"), (0.95, "95"), (0.99, "99"))), width=16,
              says="From the start of a try to the end of its answer."),
        panel("Connecting", "s", ("{{upstream}} 99 %", quantile(0.99, "weir_upstream_connect_seconds", "upstream", UPSTREAM)))]),
    ("Circuit breakers", [
        states("State", "{{upstream}}", level("weir_circuit_breaker_state", "upstream", UPSTREAM, how="max"),
               {0: "closed", 1: "half-open", 2: "open"}, {2}, width=12),
        panel("Changes", "cps", ("{{upstream}} to {{to}}",
                                 rate("weir_circuit_breaker_transitions_total", "upstream, to", UPSTREAM)), width=12),
        panel("Sheds", "none", ("{{upstream}}", level("weir_circuit_breaker_shedding", "upstream", UPSTREAM, how="max")), most=1),
        panel("Shed requests", "reqps", ("{{upstream}}: {{priority}}, {{cause}}",
                                         rate("weir_circuit_breaker_shed_requests_total", "upstream, priority, cause", UPSTREAM)))]),
    ("Retries and hedges", [
        panel("Retries", "reqps", ("{{upstream}}: {{result}}", rate("weir_retries_total", "upstream, result", UPSTREAM))),
        panel("Hedges", "reqps", ("{{upstream}}: {{result}}", rate("weir_hedges_total", "upstream, result", UPSTREAM))),
        panel("Content kept for retries", "bytes", ("{{upstream}}", level("weir_retry_body_bytes", "upstream", UPSTREAM))),
        panel("Copies by mirror", "reqps", ("{{upstream}}: {{result}}",
                                            rate("weir_mirror_requests_total", "upstream, result", UPSTREAM)))]),
])

WORKERS = ("Weir: workers", "CPU, memory, connections and the process itself.", [JOB, INSTANCE], [
    ("Workers", [
        panel("Busy", "percentunit", ("{{instance}} {{worker}}", series("weir_worker_utilization_ratio")), limit=SATURATED, most=1,
              width=12, says="One full worker beside idle ones: few connections carry the load; set connection_age."),
        panel("Late", "s", ("{{instance}} {{worker}}", series("weir_worker_lag_seconds")), width=12,
              says="How late a worker does what is due; measured while some load_shed looks at it."),
        panel("Saturation", "percentunit", ("{{instance}}", series("weir_saturation_ratio")), limit=SATURATED, most=1),
        panel("Load shed", "none", ("{{policy}}", level("weir_load_shed_level", "policy", how="max")), most=3,
              says="Priorities that are refused: 1 low, 2 normal, too, 3 all but critical."),
        panel("Requests in flight", "none", ("{{instance}}", level("weir_http_requests_in_flight", "instance")))]),
    ("Client connections", [
        panel("Open", "none", ("{{instance}} {{protocol}}", level("weir_connections_active", "instance, protocol")), stacked=True),
        panel("New", "cps", ("{{listener}} {{protocol}}", rate("weir_connections_total", "listener, protocol"))),
        panel("Refused", "cps", ("{{listener}}: {{reason}}", rate("weir_connections_rejected_total", "listener, reason"))),
        panel("TLS handshakes", "cps", ("{{result}}, resumed {{resumed}}", rate("weir_tls_handshakes_total", "result, resumed"))),
        panel("Failed handshakes", "cps", ("{{cause}}", rate("weir_tls_handshake_failures_total", "cause"))),
        panel("Malformed, but let in", "cps", ("{{key}}", rate("weir_lenient_total", "key")))]),
    ("Process", [
        panel("CPU", "none", ("{{instance}}", rate("process_cpu_seconds_total", "instance")), says="CPUs in use."),
        panel("Memory", "bytes", ("{{instance}}", series("process_resident_memory_bytes"))),
        panel("Use of the memory that is allowed", "percentunit", ("{{instance}}", series("weir_memory_used_ratio")), most=1,
              says="Measured while some load_shed looks at it."),
        panel("Open files", "percentunit", ("{{instance}}", f"{series('process_open_fds')} / {series('process_max_fds')}"),
              limit=SATURATED, most=1),
        panel("Threads", "none", ("{{instance}}", series("process_threads"))),
        panel("Runs since", "s", ("{{instance}}", f"time() - {series('process_start_time_seconds')}"))]),
    ("Configuration and what watches", [
        panel("Generation", "none", ("{{instance}}", series("weir_config_generation")),
              ("{{instance}}, rolled back", series("weir_config_rolled_back") + " > 0")),
        panel("Configurations in memory", "none", ("{{instance}}", series("weir_config_snapshots"))),
        panel("Reloads and upgrades", "cps", ("reload: {{result}}", rate("weir_config_reloads_total", "result")),
              ("upgrade: {{result}}", rate("weir_upgrades_total", "result"))),
        panel("Log lines lost", "cps", ("{{instance}}", rate("weir_access_log_dropped_total", "instance"))),
        panel("Folded series", "none", ("{{family}}", level("weir_metrics_folded_series", "family", how="max")),
              says="Beyond metrics.max_series: they are added up under _other."),
        panel("Documents refused", "cps", ("{{provider}}", rate("weir_provider_documents_rejected_total", "provider")))]),
])


def side(title, version):
    """The panels of one version; the other has the same."""
    of = f'upstream="${version}"'
    tries = rate("weir_upstream_requests_total", "", of)
    return [
        panel(f"{title}: answers", "reqps", ("{{status_class}}", rate("weir_upstream_requests_total", "status_class", of)),
              width=12, stacked=True),
        panel(f"{title}: errors", "percentunit",
              ("5xx", share(rate("weir_upstream_requests_total", "", ANSWERED_5XX, of), tries)),
              ("failed", share(rate("weir_upstream_requests_total", "", FAILED, of), tries)), width=12),
        panel(f"{title}: time of a try", "s", *((f"{name} %", quantile(q, "weir_upstream_request_duration_seconds", "", of))
                                               for q, name in ((0.5, "50"), (0.95, "95"), (0.99, "99"))), width=12),
        panel(f"{title}: pool and breaker", "none", ("use of the pool", level("weir_upstream_saturation_ratio", "", of, how="max")),
              ("breaker (2: open)", level("weir_circuit_breaker_state", "", of, how="max")), width=12, most=2),
        panel(f"{title}: endpoints", "none", ("that get requests", level("weir_upstream_endpoint_healthy", "instance", of)),
              ("addresses", level("weir_upstream_endpoints", "instance", of)), width=12),
        panel(f"{title}: retries", "reqps", ("{{result}}", rate("weir_retries_total", "result", of)), width=12)]


def side_by_side(left, right):
    return [each for pair in zip(left, right) for each in pair]


def of_version(version, *where):
    of = f'upstream="${version}"'
    return share(rate("weir_upstream_requests_total", "", *where, of), rate("weir_upstream_requests_total", "", of))


def p99_of(version):
    return quantile(0.99, "weir_upstream_request_duration_seconds", "", f'upstream="${version}"')


THIS_ROUTE = 'route="$route"'
CANARY = ("Weir: canary", "Two versions of a split side by side.", [
    JOB, INSTANCE,
    variable("route", "Route", f"label_values({series('weir_split_weight')}, route)", many=False),
    variable("stable", "Stable", f"label_values({series('weir_split_weight', THIS_ROUTE)}, upstream)", many=False),
    variable("canary", "Canary", f"label_values({series('weir_split_weight', THIS_ROUTE)}, upstream)", many=False)], [
    ("Split", [
        stat("Canary's share", "percentunit",
             share(level("weir_split_weight", "", THIS_ROUTE, 'upstream="$canary"', how="max"),
                   grouped("", grouped("upstream", series("weir_split_weight", THIS_ROUTE), "max"))),
             says="By the weights in force."),
        stat("5xx more than stable", "percentunit",
             f"{of_version('canary', ANSWERED_5XX)} - {of_version('stable', ANSWERED_5XX)}",
             limit=FEW_ERRORS, least=None),
        stat("Failed more than stable", "percentunit", f"{of_version('canary', FAILED)} - {of_version('stable', FAILED)}",
             limit=FEW_ERRORS, least=None),
        stat("99 % of tries, against stable", "percentunit", f"{p99_of('canary')} / {p99_of('stable')}", limit=1.2,
             says="100 %: as fast as stable."),
        panel("Requests of the split", "reqps", ("{{upstream}}", rate("weir_split_requests_total", "upstream", THIS_ROUTE)), width=12,
              stacked=True),
        panel("Weights", "none", ("{{upstream}}", level("weir_split_weight", "upstream", THIS_ROUTE, how="max")), width=12)]),
    ("Stable on the left, canary on the right", side_by_side(side("Stable", "stable"), side("Canary", "canary"))),
    ("The route as callers see it", red("route", THIS_ROUTE)),
])

BOARDS = {"overview": OVERVIEW, "upstreams": UPSTREAMS, "workers": WORKERS, "canary": CANARY}

# --- boards


def place(rows):
    """Panels from left to right, each row of the table below a heading."""
    out, y, number = [], 0, 0

    def add(each, x):
        nonlocal number
        number += 1
        out.append({"id": number, **each, "gridPos": {**each["gridPos"], "x": x, "y": y}})
    for heading, panels in rows:
        add({"type": "row", "title": heading, "collapsed": False, "panels": [], "gridPos": {"w": WIDE, "h": 1}}, 0)
        y, x, tallest = y + 1, 0, 0
        for each in panels:
            width = each["gridPos"]["w"]
            if x + width > WIDE:
                y, x, tallest = y + tallest, 0, 0
            add(each, x)
            x, tallest = x + width, max(tallest, each["gridPos"]["h"])
        y += tallest
    return out


def board(name, title, description, variables, rows):
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1,
              "hide": 0, "includeAll": False, "multi": False, "current": {}}
    reloads = {"name": "Reloads", "datasource": SOURCE, "enable": True, "iconColor": "blue", "step": "60s",
               "expr": f"changes({series('weir_config_generation')}[1m]) > 0", "titleFormat": "new configuration",
               "textFormat": "{{instance}}"}
    return {"uid": f"weir-{name}", "title": title, "description": description, "tags": ["weir"], "schemaVersion": 39,
            "version": 1, "editable": True, "graphTooltip": 1, "refresh": "30s", "timezone": "browser",
            "time": {"from": "now-1h", "to": "now"}, "annotations": {"list": [reloads]},
            "links": [{"type": "dashboards", "title": "Weir", "tags": ["weir"], "asDropdown": True, "includeVars": True,
                       "keepTime": True}],
            "templating": {"list": [source, *variables]}, "panels": place(rows)}


def texts():
    """The content of each file, by its name."""
    return {f"{name}.json": json.dumps(board(name, *table), indent=1) + "\n" for name, table in BOARDS.items()}


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for name, text in texts().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
