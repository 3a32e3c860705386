#include "tracing/spans.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <string_view>

#include "tracing/attributes.hpp"
#include "tracing/protobuf.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/text.hpp"

namespace weir::tracing {
namespace {

// trace.v1.Span, and the messages in it.
constexpr unsigned spans_field = 2;  // of ScopeSpans
constexpr unsigned trace_id_field = 1;
constexpr unsigned span_id_field = 2;
constexpr unsigned trace_state_field = 3;
constexpr unsigned parent_field = 4;
constexpr unsigned name_field = 5;
constexpr unsigned kind_field = 6;
constexpr unsigned start_field = 7;
constexpr unsigned end_field = 8;
constexpr unsigned attributes_field = 9;
constexpr unsigned events_field = 11;
constexpr unsigned status_field = 15;
constexpr unsigned flags_field = 16;
constexpr unsigned event_time_field = 1;
constexpr unsigned event_name_field = 2;
constexpr unsigned event_attributes_field = 3;
constexpr unsigned status_message_field = 2;
constexpr unsigned status_code_field = 3;
constexpr std::uint64_t status_error = 2;

enum class SpanKind : std::uint8_t { internal = 1, server = 2, client = 3 };

// Flags: those of W3C, and whether it is known that the parent is in another process.
constexpr std::uint32_t sampled_flag = 1;
constexpr std::uint32_t knows_remote_flag = 0x100;
constexpr std::uint32_t is_remote_flag = 0x200;

// The names of gRPC's codes, as the conventions write them.
constexpr std::array<std::string_view, grpc_code_count> rpc_status_names{
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

std::string_view rpc_status_name(GrpcStatus status) noexcept {
  if (status < 0) return {};
  if (static_cast<std::size_t>(status) >= rpc_status_names.size()) return "_OTHER";
  return rpc_status_names[static_cast<std::size_t>(status)];
}

// What the conventions count as an error of a server: a client's own fault is none.
bool is_rpc_server_error(GrpcStatus status) noexcept {
  switch (status) {
    case 2:   // UNKNOWN
    case 4:   // DEADLINE_EXCEEDED
    case 12:  // UNIMPLEMENTED
    case 13:  // INTERNAL
    case 14:  // UNAVAILABLE
    case 15:  // DATA_LOSS
      return true;
    default:
      return false;
  }
}

// The offset is looked up once a second, so that a clock that is set is followed.
std::uint64_t unix_nanoseconds(TimePoint time) noexcept {
  struct Offset {
    TimePoint looked_up = TimePoint::min();
    std::int64_t value = 0;
  };
  thread_local Offset offset;
  if (offset.looked_up == TimePoint::min() || time - offset.looked_up >= std::chrono::seconds(1)) {
    offset.looked_up = Clock::now();
    const auto wall = std::chrono::system_clock::now().time_since_epoch();
    offset.value = std::chrono::duration_cast<std::chrono::nanoseconds>(wall).count() -
                   offset.looked_up.time_since_epoch().count();
  }
  return static_cast<std::uint64_t>(time.time_since_epoch().count() + offset.value);
}

std::string_view protocol_version(Version version) noexcept {
  switch (version) {
    case Version::http10:
      return "1.0";
    case Version::http11:
      break;
    case Version::http2:
      return "2";
  }
  return "1.1";
}

// A three-digit number as a text.
struct StatusText {
  explicit StatusText(int status) noexcept {
    end = std::to_chars(text.data(), text.data() + text.size(), status).ptr;
  }
  std::string_view view() const noexcept {
    return {text.data(), static_cast<std::size_t>(end - text.data())};
  }
  std::array<char, 12> text{};
  char* end;
};

// "host:port", "[v6]:port" or "unix:PATH" as server.address and server.port.
void add_server(Attributes& out, std::string_view address) {
  if (address.empty()) return;
  if (address.starts_with("unix:")) return out.add("server.address", address.substr(5));
  const std::size_t colon = address.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && address.find(']', colon) == std::string_view::npos;
  std::string_view host = has_port ? address.substr(0, colon) : address;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  out.add("server.address", host);
  const auto port = has_port ? parse_decimal(address.substr(colon + 1)) : std::nullopt;
  if (port && *port <= 65535) out.add("server.port", static_cast<std::int64_t>(*port));
}

// A method that the conventions do not know stands beside.
std::string_view add_method(Attributes& out, Method method, std::string_view text) {
  if (method != Method::other) {
    out.add("http.request.method", method_label(method));
    return method_label(method);
  }
  out.add("http.request.method", "_OTHER");
  out.add_if("http.request.method_original", text);
  return "HTTP";
}

void add_rpc(Attributes& out, std::string_view path, GrpcStatus status) {
  out.add("rpc.system.name", "grpc");
  out.add_if("rpc.method", path.starts_with('/') ? path.substr(1) : path);
  out.add_if("rpc.response.status_code", rpc_status_name(status));
}

void set_error(ProtoWriter& out, std::string_view message) {
  const std::size_t status = out.open(status_field);
  if (!message.empty()) {
    std::string text;
    append_utf8(text, message);
    out.bytes(status_message_field, text);
  }
  out.varint(status_code_field, status_error);
  out.close(status);
}

class SpanWriter {
 public:
  SpanWriter(std::string& out, const Finished& of)
      : out_(out), of_(of), trace_(*of.exchange.trace) {}

  void request() {
    const RequestHead& head = of_.head;
    const std::size_t span = begin(trace_.span(), trace_.parent(), SpanKind::server, true);
    times(of_.outcome.started, of_.outcome.ended);
    Attributes attributes(out_, attributes_field);
    const std::string_view method = add_method(attributes, head.method, head.method_text);
    name(method, trace_.route);
    describe_request(attributes);
    describe_answer(attributes);
    if (trace_.refused_at() != TimePoint{}) refusal();
    if (is_error(of_)) set_error(out_, of_.exchange.record.detail());
    out_.close(span);
  }

  void inner(const InnerSpan& each) {
    const bool is_queue = each.kind == InnerSpan::Kind::queue;
    const std::size_t span =
        begin(each.id, trace_.span(), is_queue ? SpanKind::internal : SpanKind::client, false);
    times(each.began, each.ended == TimePoint{} ? of_.outcome.ended : each.ended);
    if (is_queue) {
      out_.bytes(name_field, "queue");
      Attributes(out_, attributes_field).add_if("weir.upstream", of_.exchange.record.upstream());
    } else {
      client(each);
    }
    out_.close(span);
  }

 private:
  std::size_t begin(SpanId id, SpanId parent, SpanKind kind, bool is_remote) {
    const std::size_t span = out_.open(spans_field);
    out_.id(trace_id_field, trace_.trace().high, trace_.trace().low);
    out_.id(span_id_field, id);
    if (!trace_.state.empty()) out_.bytes(trace_state_field, trace_.state);
    if (parent != 0) out_.id(parent_field, parent);
    out_.varint(kind_field, static_cast<std::uint64_t>(kind));
    out_.fixed32(flags_field, (trace_.sampled() ? sampled_flag : 0) | knows_remote_flag |
                                  (is_remote && parent != 0 ? is_remote_flag : 0));
    return span;
  }

  void times(TimePoint began, TimePoint ended) {
    out_.fixed64(start_field, unix_nanoseconds(began));
    out_.fixed64(end_field, unix_nanoseconds(ended));
  }

  void name(std::string_view method, std::string_view of) {
    std::string text(method);
    if (!of.empty()) {
      text += ' ';
      append_utf8(text, of);
    }
    out_.bytes(name_field, text);
  }

  void describe_request(Attributes& out) const {
    const RequestHead& head = of_.head;
    const RequestContext& context = of_.exchange.context;
    // As the client sent it: what was matched and forwarded may have been rewritten.
    const bool has_path = head.target.starts_with('/');
    out.add_if("url.path", has_path ? head.target.substr(0, head.target.find('?')) : head.path);
    out.add("url.scheme", to_string(head.scheme));
    out.add_if("http.route", trace_.route);
    add_server(out, head.authority);
    std::array<char, IpAddress::longest_text> client{};
    const char* const end = context.client_ip.write_to(client.data());
    out.add("client.address",
            std::string_view(client.data(), static_cast<std::size_t>(end - client.data())));
    out.add_if("user_agent.original", head.headers.get(FieldId::user_agent).value_or(""));
    out.add("network.protocol.version", protocol_version(head.version));
    out.add_if("weir.route", context.route_name);
    out.add_if("weir.upstream", of_.exchange.record.upstream());
    out.add("weir.request_id", context.request_id());
  }

  void describe_answer(Attributes& out) const {
    const Outcome& outcome = of_.outcome;
    if (outcome.status != 0 && outcome.reason != Reason::client_closed) {
      out.add("http.response.status_code", std::int64_t{outcome.status});
    }
    if (outcome.reason != Reason::none) out.add("weir.reason", weir::name(outcome.reason));
    const Reason saved = of_.exchange.record.fallback_reason();
    if (saved != Reason::none) out.add("weir.fallback_reason", weir::name(saved));
    if (trace_.is_grpc) add_rpc(out, of_.head.path, of_.grpc_status);
    if (is_error(of_) || outcome.reason != Reason::none) {
      if (outcome.reason != Reason::none) {
        out.add("error.type", weir::name(outcome.reason));
      } else if (trace_.is_grpc && is_rpc_server_error(of_.grpc_status)) {
        out.add("error.type", rpc_status_name(of_.grpc_status));
      } else {
        out.add("error.type", StatusText(outcome.status).view());
      }
    }
  }

  void refusal() {
    const std::size_t event = out_.open(events_field);
    out_.fixed64(event_time_field, unix_nanoseconds(trace_.refused_at()));
    out_.bytes(event_name_field, "weir.refused");
    Attributes attributes(out_, event_attributes_field);
    attributes.add("weir.reason", weir::name(of_.outcome.reason));
    attributes.add_if("weir.detail", of_.exchange.record.detail());
    out_.close(event);
  }

  void client(const InnerSpan& each) {
    Attributes out(out_, attributes_field);
    const std::string_view method = add_method(out, parse_method(each.method), each.method);
    const bool is_question = each.kind == InnerSpan::Kind::question;
    name(method, is_question ? each.path : std::string_view());
    out.add_if("url.path", each.path);
    add_server(out, each.endpoint);
    if (each.status != 0) out.add("http.response.status_code", std::int64_t{each.status});
    if (each.resend != 0) out.add("http.request.resend_count", std::int64_t{each.resend});
    out.add_if("weir.upstream", each.upstream);
    if (each.reason != Reason::none) out.add("weir.reason", weir::name(each.reason));
    if (is_question) {
      out.add("url.template", each.path);
      out.add("weir.middleware", "forward_auth");
    } else {
      if (each.status != 0) out.add("network.protocol.version", each.h2 ? "2" : "1.1");
      out.add_if("weir.result", each.result);
      if (each.hedge != 0) out.add("weir.hedge", std::int64_t{each.hedge});
      if (each.reused) out.add("weir.connection.reused", true);
    }
    if (each.is_grpc) add_rpc(out, each.path, each.grpc_status);
    client_error(out, each);
  }

  // Of a client's span 4xx is an error, too. A try that was given up for another one is none.
  void client_error(Attributes& out, const InnerSpan& each) {
    const bool is_cut = !each.result.empty() && each.result != weir::name(TryResult::ok) &&
                        each.result != weir::name(TryResult::hedge_lost) &&
                        each.result != weir::name(TryResult::client_gone);
    const bool is_rpc_error = each.is_grpc && each.grpc_status > 0;
    if (each.reason == Reason::none && each.status < 400 && !is_cut && !is_rpc_error) return;
    if (each.reason != Reason::none) {
      out.add("error.type", weir::name(each.reason));
    } else if (is_rpc_error) {
      out.add("error.type", rpc_status_name(each.grpc_status));
    } else if (each.status >= 400) {
      out.add("error.type", StatusText(each.status).view());
    } else {
      out.add("error.type", each.result);
    }
    set_error(out_, {});
  }

  ProtoWriter out_;
  const Finished& of_;
  const RequestTrace& trace_;
};

}  // namespace

bool is_error(const Finished& of) noexcept {
  const Outcome& outcome = of.outcome;
  if (outcome.reason == Reason::client_closed) return false;
  if (of.exchange.trace->is_grpc && is_rpc_server_error(of.grpc_status)) return true;
  // With a head that was fine a reason says what cut the answer.
  return outcome.status >= 500 || (outcome.status < 400 && outcome.reason != Reason::none);
}

std::uint32_t append_spans(std::string& out, const Finished& of) {
  SpanWriter writer(out, of);
  writer.request();
  std::uint32_t spans = 1;
  for (const InnerSpan& each : of.exchange.trace->spans()) {
    writer.inner(each);
    ++spans;
  }
  return spans;
}

}  // namespace weir::tracing
