#include "telemetry/access_line.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "telemetry/digits.hpp"
#include "telemetry/escaping.hpp"
#include "telemetry/query_redaction.hpp"
#include "weir/base/copy_text.hpp"

namespace weir::telemetry {
namespace {

template <std::size_t N>
char* put(char* out, const char (&literal)[N]) noexcept {
  std::memcpy(out, literal, N - 1);
  return out + N - 1;
}

char* put(char* out, std::string_view trusted) noexcept { return copy_text(out, trusted); }

// Milliseconds with three decimals.
char* put_ms(char* out, Duration duration) noexcept {
  if (duration == Duration::zero()) return put(out, "0.000");  // a wait that was none
  const std::int64_t ns = duration.count() < 0 ? 0 : duration.count();
  const std::uint64_t us = (static_cast<std::uint64_t>(ns) + 500) / 1000;
  out = put_number(out, us / 1000);
  *out++ = '.';
  return put_3_digits(out, static_cast<unsigned>(us % 1000));
}

constexpr std::string_view cut(std::string_view text, std::size_t cap) noexcept {
  return text.substr(0, cap);
}

}  // namespace

AccessLine::AccessLine() {
  scratch_.reserve(escaped_limit(url_cap) + 1);
  // "key=;" grows to "key=REDACTED;".
  redacted_.reserve(3 * url_cap + 16);
}

char* AccessLine::write(char* out, WallTime time, const AccessRecord& record,
                        const AccessPolicy& policy) {
  out = policy.format == config::AccessLogFormat::json ? json(out, time, record, policy.query)
                                                       : combined(out, time, record, policy.query);
  *out++ = '\n';
  return out;
}

std::string_view AccessLine::visible_query(std::string_view query, config::QueryPolicy policy) {
  if (query.empty() || policy == config::QueryPolicy::keep) return cut(query, url_cap);
  if (policy == config::QueryPolicy::drop) return {};
  redacted_.clear();
  append_redacted(redacted_, cut(query, url_cap));
  return cut(redacted_, url_cap);
}

std::string_view AccessLine::visible_referer(std::string_view referer, config::QueryPolicy policy) {
  referer = cut(referer, url_cap);
  if (policy == config::QueryPolicy::keep) return referer;
  // The page before was reached with the same secrets.
  const std::size_t mark = referer.find('?');
  if (mark == std::string_view::npos) return referer;
  if (policy == config::QueryPolicy::drop) return referer.substr(0, mark);
  redacted_.assign(referer.substr(0, mark + 1));
  append_redacted(redacted_, referer.substr(mark + 1));
  return cut(redacted_, url_cap);
}

char* AccessLine::put_peer(char* out, const SocketAddress& peer) {
  if (peer.is_unix() || !peer.ip().valid()) {
    out = put(out, "unix:");
    return put_json(out, cut(peer.path(), cap), scratch_);
  }
  if (peer.ip().is_v6()) *out++ = '[';
  out = peer.ip().write_to(out);
  if (peer.ip().is_v6()) *out++ = ']';
  *out++ = ':';
  return put_number(out, peer.port());
}

char* AccessLine::put_tries(char* out, std::span<const TryRecord> tries) {
  out = put(out, R"(,"tries":)");
  char before = '[';
  for (const TryRecord& fact : tries.first(std::min(tries.size(), most_tries_told))) {
    *out++ = std::exchange(before, ',');
    out = put(out, R"({"endpoint":")");
    out = put_json(out, cut(fact.endpoint, try_cap), scratch_);
    out = put(out, R"(","result":")");
    out = put(out, fact.result);
    out = put(out, R"(","ms":)");
    out = put_ms(out, fact.took);
    *out++ = '}';
  }
  *out++ = ']';
  return out;
}

char* AccessLine::json(char* out, WallTime time, const AccessRecord& record,
                       config::QueryPolicy policy) {
  const auto text = [&](const auto& key, std::string_view value, std::size_t most = cap) {
    if (value.empty()) return;
    out = put(out, key);
    out = put_json(out, cut(value, most), scratch_);
    *out++ = '"';
  };
  // A word of our own.
  const auto word = [&](const auto& key, std::string_view value) {
    if (value.empty()) return;
    out = put(out, key);
    out = put(out, value);
    *out++ = '"';
  };
  const auto number = [&](const auto& key, std::uint64_t value) {
    out = put(out, key);
    out = put_number(out, value);
  };
  const auto period = [&](const auto& key, const std::optional<Duration>& value) {
    if (!value) return;
    out = put(out, key);
    out = put_ms(out, *value);
  };

  out = put(out, R"({"time":")");
  out = timestamp_.rfc3339(out, time);
  *out++ = '"';
  text(R"(,"request_id":")", record.request_id);
  text(R"(,"trace_id":")", record.trace_id);
  text(R"(,"listener":")", record.listener);
  text(R"(,"protocol":")", record.protocol);
  out = put(out, R"(,"client_ip":")");
  out = record.client_ip.write_to(out);
  *out++ = '"';
  if (record.peer != nullptr) {
    out = put(out, R"(,"peer":")");
    out = put_peer(out, *record.peer);
    *out++ = '"';
  }
  text(R"(,"method":")", record.method.empty() ? std::string_view("-") : record.method);
  text(R"(,"host":")", record.host);
  text(R"(,"path":")", record.path, url_cap);
  text(R"(,"query":")", visible_query(record.query, policy), url_cap);
  if (record.status != 0) {
    out = put(out, R"(,"status":)");
    out = put_number(out, static_cast<unsigned>(record.status));
  }
  if (record.reason != Reason::none) word(R"(,"reason":")", name(record.reason));
  text(R"(,"route":")", record.route);
  if (record.fallback != Reason::none) {
    word(R"(,"fallback":true,"fallback_reason":")", name(record.fallback));
  }
  text(R"(,"upstream":")", record.upstream);
  text(R"(,"endpoint":")", record.endpoint);
  if (record.attempts != 0) number(R"(,"attempts":)", record.attempts);
  period(R"(,"duration_ms":)", record.duration);
  period(R"(,"head_ms":)", record.head);
  period(R"(,"queue_ms":)", record.queue);
  period(R"(,"connect_ms":)", record.connect);
  if (!record.tries.empty()) out = put_tries(out, record.tries);
  number(R"(,"bytes_in":)", record.bytes_in);
  number(R"(,"bytes_out":)", record.bytes_out);
  text(R"(,"user_agent":")", record.user_agent);
  text(R"(,"referer":")", visible_referer(record.referer, policy), url_cap);
  text(R"(,"tls_version":")", record.tls_version);
  text(R"(,"sni":")", record.sni);
  text(R"(,"user":")", record.user);
  text(R"(,"limit_key":")", record.limit_key);
  if (record.grpc_status >= 0 && record.grpc_status < other_grpc_status) {
    number(R"(,"grpc_status":)", static_cast<std::uint64_t>(record.grpc_status));
  }
  text(R"(,"detail":")", record.detail);
  *out++ = '}';
  return out;
}

char* AccessLine::combined(char* out, WallTime time, const AccessRecord& record,
                           config::QueryPolicy policy) {
  const auto text = [&](std::string_view value, std::size_t most = cap) {
    out = value.empty() ? put(out, "-") : put_hex_escaped(out, cut(value, most));
  };
  out = record.client_ip.write_to(out);
  out = put(out, " - ");
  // Unquoted, so a blank in it would begin the next field.
  for (std::string_view user = cut(record.user, cap); !user.empty(); user.remove_prefix(1)) {
    out = user.front() == ' ' ? put(out, R"(\x20)") : put_hex_escaped(out, user.substr(0, 1));
  }
  out = put(out, record.user.empty() ? std::string_view("- [") : std::string_view(" ["));
  out = timestamp_.common_log(out, time);
  out = put(out, "] \"");
  if (record.method.empty()) {
    *out++ = '-';
  } else {
    text(record.method);
    *out++ = ' ';
    text(record.path, url_cap);
    if (const std::string_view query = visible_query(record.query, policy); !query.empty()) {
      *out++ = '?';
      text(query, url_cap);
    }
    *out++ = ' ';
    text(record.protocol);
  }
  out = put(out, "\" ");
  if (record.status == 0) {
    out = put(out, "000");
  } else {
    out = put_number(out, static_cast<unsigned>(record.status));
  }
  *out++ = ' ';
  out = put_number(out, record.bytes_out);
  out = put(out, " \"");
  text(visible_referer(record.referer, policy), url_cap);
  out = put(out, "\" \"");
  text(record.user_agent);
  *out++ = '"';
  return out;
}

}  // namespace weir::telemetry
