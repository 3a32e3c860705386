#include "config/blocks.hpp"
#include "config/checks.hpp"
#include "config/document.hpp"
#include "config/foreign_values.hpp"
#include "config/kinds.hpp"

namespace weir::config {
namespace {

Fields fields(Via& via) {
  return {{"request", flag(via.request), "add Via to requests for the upstream"},
          {"response", flag(via.response), "add Via to answers for the client"},
          {"name", text(via.name, check_token), "the gateway's name in Via"}};
}

Tree text_or_off_schema() {
  Tree any = Tree::list();
  any.push(text_schema());
  any.push(Tree::map({{"const", false}}));
  return Tree::map({{"anyOf", std::move(any)}});
}

Wrong check_admin_bind(std::string& written) {
  if (written == "off" || written == "false") {
    written.clear();
    return std::nullopt;
  }
  if (SocketAddress::parse(written)) return std::nullopt;
  return in_quotes(written) + " is not IP:port, [IPv6]:port, unix:PATH or off" + bind_hint(written);
}

void read_token(const Reader& in, Admin& admin) {
  if (in.is_null()) return;
  const auto file = in.text();
  // Empty is none, so that ${NAME:-} can leave it out: then the address refuses more, not less.
  if (!file || file->empty()) return;
  if (!in.context().checks.opens_files) return void(admin.token_file = *file);
  auto token = read_named_file(in.context(), *file);
  if (!token) return in.error("cannot read " + in_quotes(*file) + ": " + token.error());
  if (token->ends_with('\n')) token->pop_back();
  const bool spoilt = token->empty() || token->find_first_of(" \t\r\n") != std::string::npos;
  if (spoilt || check_printable(*token)) {
    return in.error(in_quotes(*file) + " must hold one token, without spaces, on one line");
  }
  admin.token_file = *file;
  admin.token = std::move(*token);
}

Value token_file(Admin& admin) {
  return {.read = [&admin](const Reader& in) { read_token(in, admin); },
          .print = [&admin] { return admin.token_file.empty() ? Tree(nullptr) : admin.token_file; },
          .schema = nullable_text_schema};
}

// The name of a folder, or `null` for none.
Value folder_value(std::string& target) {
  return {.read =
              [&target](const Reader& in) {
                if (!in.is_null()) text(target, check_printable).read(in);
              },
          .print = [&target] { return target.empty() ? Tree(nullptr) : Tree(target); },
          .schema = nullable_text_schema};
}

Wrong check_allowed_host(std::string& written) {
  if (Wrong wrong = check_host_pattern(written)) return wrong;
  if (written.starts_with('*')) return "a host name without '*'";
  return std::nullopt;
}

Fields fields(Admin& admin) {
  Value bind = text(admin.bind, check_admin_bind);
  bind.read = [&admin](const Reader& in) {
    auto written = in.text();
    if (!written) return;
    *written = at_folder(std::move(*written), in.context().folder);
    if (Wrong wrong = check_admin_bind(*written)) return in.error(std::move(*wrong));
    admin.bind = std::move(*written);
  };
  bind.print = [&admin] { return Tree(admin.bind.empty() ? "off" : admin.bind); };
  bind.schema = text_or_off_schema;
  return {{"bind", bind, "IP:port, [IPv6]:port, unix:PATH, or off"},
          {"token_file", token_file(admin),
           "file with the bearer token that everything but /healthz, /readyz and /metrics needs "
           "where the address is not loopback; an empty name is none"},
          {"allow_hosts", texts(admin.allow_hosts, check_allowed_host),
           "names that a request's Host may carry, besides IP literals and localhost"}};
}

}  // namespace

Fields fields(Server& server) {
  constexpr std::uint64_t most_connections = 10'000'000;
  constexpr std::uint64_t most_memory = 1ULL << 50;
  return {
      {"workers", count(server.workers, 1, 1024, Word{"auto", 0}),
       "threads that serve requests; auto: one for each CPU of the cgroup's quota or the affinity "
       "mask, whichever is smaller"},
      {"io_backend",
       choice<IoBackend>(server.io_backend,
                         {{"auto", IoBackend::automatic}, {"epoll", IoBackend::epoll}},
                         {"io_uring"}),
       "how Weir waits for sockets"},
      {"drain_delay", duration(server.drain_delay, Zero::allowed),
       "keep accepting this long after readiness turned 503"},
      {"drain_timeout", duration(server.drain_timeout),
       "after that, how long requests in flight may take"},
      {"handover_timeout", duration(server.handover_timeout),
       "after handing over to a new binary, how long requests and WebSockets in flight may take"},
      {"ready_wait", duration(server.ready_wait, Zero::allowed),
       "at the start, /readyz stays 503 at most this long for upstreams whose endpoints are all "
       "names "
       "and none has an address yet"},
      {"max_connections", count(server.max_connections, 1, most_connections),
       "past it new connections are closed and counted; lowered to what the file limit allows"},
      {"head_memory", size_or(server.head_memory, most_memory, {"auto", 0}),
       "memory for all request heads that do not come in one piece; auto: an eighth of the "
       "cgroup's limit or of the memory, at least 32 MiB; when it is spent, the oldest unfinished "
       "heads get 431"},
      {"zone", text(server.zone, check_zone),
       "where this gateway is, for zone_aware of upstreams; empty: unknown"},
      {"watch", flag(server.watch),
       "reload when the configuration's files change, or those that it names (users, keys); "
       "certificates are then read at once"},
      {"state_dir", folder_value(server.state_dir),
       "a folder where the last good documents of providers are kept; null: nowhere"},
      {"via", block(fields(server.via)), "the Via field"},
      {"deadline", block(fields(server.deadline)),
       "how long the sender of a request waits, as it says, and what upstreams are told of it"},
  };
}

Fields fields(Metrics& metrics) {
  return {{"max_series", count(metrics.max_series, 1, 1'000'000),
           "series that a metric may have, a histogram being one; what is beyond is added up under "
           "the name _other"},
          {"detail",
           choice<MetricsDetail>(
               metrics.detail, {{"normal", MetricsDetail::normal}, {"fine", MetricsDetail::fine}}),
           "of histograms: 14 buckets, or ten for each power of ten"}};
}

Fields fields(Log& log) {
  return {{"level",
           choice<LogLevel>(log.level, {{"trace", LogLevel::trace},
                                        {"debug", LogLevel::debug},
                                        {"info", LogLevel::info},
                                        {"warn", LogLevel::warn},
                                        {"error", LogLevel::error}}),
           "the least serious level that is written"},
          {"format",
           choice<LogFormat>(log.format, {{"text", LogFormat::text}, {"json", LogFormat::json}}),
           "the format of a line"}};
}

Fields fields(AccessLog& log) {
  Value path = text(log.path, [](std::string& written) {
    if (written == "false") written = "off";
    return check_printable(written);
  });
  path.schema = text_or_off_schema;
  return {{"path", path, "off, stdout, stderr or a file"},
          {"format",
           choice<AccessLogFormat>(log.format, {{"json", AccessLogFormat::json},
                                                {"combined", AccessLogFormat::combined}}),
           "the format of a line"},
          {"sample", share(log.sample),
           "share of requests that is written; errors and slow ones always are"},
          {"slow", duration(log.slow, Zero::allowed),
           "requests that took longer are always written; 0: no request is slow"},
          {"query",
           choice<QueryPolicy>(log.query, {{"keep", QueryPolicy::keep},
                                           {"drop", QueryPolicy::drop},
                                           {"redact", QueryPolicy::redact}}),
           "the query of a logged request; redact hides values of access_token, token, key, "
           "password and sig"}};
}

Value admin_value(Admin& admin, Place& bind) {
  return {.read =
              [&admin, &bind](const Reader& in) {
                if (!in.is_text()) {
                  bind = read_fields(in, fields(admin)).of("bind", in.place());
                  return;
                }
                if (const auto on = in.parse(parse_flag)) {
                  if (*on) return in.error("expected a mapping or off");
                  admin.bind.clear();
                }
              },
          .print = [&admin] { return print_fields(fields(admin)); },
          .schema =
              [&admin] {
                Tree any = Tree::list();
                any.push(schema_fields(fields(admin)));
                Tree off = Tree::list();
                off.push("off");
                off.push(false);
                any.push(Tree::map({{"enum", std::move(off)}}));
                return Tree::map({{"anyOf", std::move(any)}});
              }};
}

}  // namespace weir::config
