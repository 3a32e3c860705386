#include "upstream/health_check_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "upstream/connect_cause.hpp"
#include "upstream/grpc_health.hpp"
#include "weir/codec/client_exchange.hpp"
#include "weir/codec/h1/client_exchange.hpp"
#include "weir/codec/h2/client_connection.hpp"
#include "weir/config/duration.hpp"
#include "weir/http/grpc.hpp"
#include "weir/http/method.hpp"
#include "weir/net/stream.hpp"
#include "weir/net/timer_wheel.hpp"
#include "weir/net/tls_session.hpp"

namespace weir::upstream {
namespace {

constexpr std::size_t most_content = 64UL * 1024;  // of an answer that is looked at
constexpr unsigned most_interim_heads = 8;
constexpr std::string_view agent = "weir-health-check";

using Type = config::HealthCheckType;

class HealthCheckRun final : private net::Timer, private codec::ClientExchange::Owner {
 public:
  HealthCheckRun(net::Loop& loop, const CheckTarget& target, CancelScope& scope) noexcept
      : loop_(loop),
        target_(target),
        check_(*target.upstream.health_check),
        scope_(scope),
        until_(loop.now() + check_.timeout) {
    clock_.hard_deadline = until_;
    loop_.wheel().schedule(*this, until_);
  }

  Task<CheckResult> run() {
    const OnCancel stop(&scope_, [this](Reason) noexcept { give_up(); });
    CheckResult out;
    Result<> opened = co_await open();
    if (!opened) {
      out.cause = connect_cause(opened.error());
    } else if (check_.type == Type::tcp) {
      out.passed = true;
    } else {
      out = co_await ask();
    }
    close();
    co_return out;
  }

 private:
  SocketAddress place() const {
    if (check_.port == 0 || target_.address.is_unix()) return target_.address;
    return {target_.address.ip(), check_.port};
  }

  // What waits ends at once.
  void give_up() noexcept {
    if (stream_) stream_->cancel();
    if (client_) client_->cancel();
    if (connection_) connection_->close();
  }
  void expire(TimePoint) noexcept override {
    late_ = true;
    give_up();
  }
  void answer_ended(bool) noexcept override {}

  void close() noexcept {
    unschedule();
    client_.reset();
    if (connection_) connection_->close();
    connection_.reset();
    if (stream_) stream_->close();
  }

  // The waits and the timer have the same end: any of them may be the first.
  bool is_late() const noexcept { return late_ || loop_.now() >= until_; }

  std::string too_late() const {
    return fmt::format("no answer within {}", config::format_duration(check_.timeout));
  }

  std::string connect_cause(const Error& error) const {
    if (!is_late()) return "connect failed: " + cause_of(error);
    return secured_ ? too_late()
                    : fmt::format("connect failed: no {} within {}",
                                  connected_ ? "TLS handshake" : "connection",
                                  config::format_duration(check_.timeout));
  }

  std::string answer_cause(const Error& error) const {
    if (is_late()) return too_late();
    switch (error.reason) {
      case Reason::upstream_reset:
        return "the connection ended before the answer did";
      case Reason::upstream_tls_failed:
        return "TLS failed";
      default:
        return error.detail.empty() ? std::string(name(error.reason))
                                    : fmt::format("not a valid answer: {}", error.detail);
    }
  }

  Task<Result<>> open() {
    Result<> begun = net::Stream::begin_connect(loop_, place(), stream_);
    if (!begun) co_return begun;
    if (!stream_->writable()) {
      const net::Io ready = co_await stream_->wait_writable(until_);
      if (ready != net::Io::ok) co_return fail(Reason::connect_timeout, Side::upstream);
      begun = stream_->connected();
      if (!begun) co_return begun;
    }
    if (!stream_->is_open()) {
      co_return fail(Reason::connect_failed, Side::internal, "no room for another socket");
    }
    connected_ = true;
    if (check_.type == Type::tcp) co_return Result<>{};
    bool http2 = target_.upstream.protocol == config::UpstreamProtocol::h2;
    if (target_.upstream.tls) {
      Result<> secured = co_await secure();
      if (!secured) co_return secured;
      if (http2 && stream_->alpn() != "h2") {
        co_return fail(Reason::connect_failed, Side::upstream, "it does not offer h2 by ALPN");
      }
      http2 = stream_->alpn() == "h2";
    } else if (target_.upstream.protocol == config::UpstreamProtocol::automatic) {
      http2 = false;
    }
    secured_ = true;
    if (check_.type == Type::grpc && !http2) {
      co_return fail(Reason::connect_failed, Side::upstream, "it does not offer h2 by ALPN");
    }
    http2_ = http2;
    if (!http2) co_return Result<>{};
    const codec::h2::ClientOptions options{.tls = stream_->tls() != nullptr,
                                           .header_size = target_.upstream.response_header_size};
    connection_ = codec::h2::make_client_connection(std::move(stream_), options);
    co_return co_await connection_->ready(until_);
  }

  Task<Result<>> secure() {
    if (target_.tls == nullptr) {
      co_return fail(Reason::connect_failed, Side::internal, "its certificates cannot be read");
    }
    stream_->start_tls(target_.tls->connect(loop_.buffers(), target_.endpoint, target_.tls_host));
    const net::Io done = co_await stream_->handshake(until_);
    if (done == net::Io::ok) co_return Result<>{};
    if (done != net::Io::error) co_return fail(Reason::connect_timeout, Side::upstream);
    co_return fail(Reason::connect_failed, Side::upstream,
                   "TLS: " + std::string(stream_->tls()->failure()));
  }

  // The request's fields; `request_` keeps their texts.
  void write_request() {
    const bool grpc = check_.type == Type::grpc;
    RequestHead& head = request_;
    authority_ = check_.host.empty() ? authority_of(place()) : check_.host;
    head.authority = authority_;
    head.host = authority_;
    const std::string_view target = grpc ? grpc_health::path : std::string_view(check_.path);
    const std::size_t mark = target.find('?');
    head.target = target;
    head.path = target.substr(0, mark);
    head.has_query = mark != std::string_view::npos;
    if (head.has_query) head.query = target.substr(mark + 1);
    head.method_text = grpc ? std::string_view("POST") : std::string_view(check_.method);
    head.method = parse_method(head.method_text);
    head.version = http2_ ? Version::http2 : Version::http11;
    if (grpc) {
      message_ = grpc_health::request(check_.service);
      head.headers.add("content-type", "application/grpc");
      head.headers.add("te", "trailers");
      head.headers.add("grpc-timeout", grpc_timeout(check_.timeout));
    } else if (head.method == Method::post || head.method == Method::put ||
               head.method == Method::patch) {
      head.framing = Framing::length;
    }
    head.headers.add("user-agent", agent);
    for (const auto& [name, value] : check_.headers) head.headers.set(name, value);
  }

  static std::string authority_of(const SocketAddress& address) {
    return address.is_unix() ? std::string("localhost") : address.to_string();
  }

  Task<CheckResult> ask() {
    write_request();
    const std::size_t header_size = target_.upstream.response_header_size;
    codec::ClientExchange::Owner& owner = *this;
    client_ =
        http2_ ? connection_->begin(clock_, scope_, owner, request_.method, header_size)
               : codec::h1::make_client_exchange(*stream_, clock_, scope_, owner, request_.method,
                                                 header_size, target_.upstream.lenient);
    Result<bool> sent = client_->send_head(request_, as_bytes(message_), true);
    if (sent && !*sent) {
      // Who has not taken it all may have answered all the same.
      static_cast<void>(co_await client_->flush());
    }
    ResponseHead head;
    Result<> came = co_await read_head(head);
    if (!came) co_return failed(answer_cause(came.error()));
    co_return co_await judge(head);
  }

  Task<Result<>> read_head(ResponseHead& head) {
    unsigned interim = 0;
    while (true) {
      const Result<bool> came = client_->take_head(head);
      if (!came) co_return std::unexpected(came.error());
      if (*came && (head.status >= 200 || head.status == 101)) co_return Result<>{};
      if (*came) {
        if (++interim > most_interim_heads) {
          co_return fail(Reason::upstream_bad_response, Side::upstream, "too many interim answers");
        }
        continue;
      }
      const net::Io ready = co_await client_->wait_more(until_);
      if (ready != net::Io::ok) co_return fail(Reason::request_timeout, Side::upstream);
    }
  }

  static CheckResult failed(std::string cause) { return {false, std::move(cause)}; }

  Task<CheckResult> judge(const ResponseHead& head) {
    if (check_.type == Type::grpc) co_return co_await judge_grpc(head);
    const bool expected = std::ranges::any_of(check_.expect, [&](const config::StatusRange& at) {
      return head.status >= at.first && head.status <= at.last;
    });
    if (!expected) co_return failed(std::to_string(head.status));
    if (check_.body.empty()) {
      // What has come already is taken, so that closing is no reset; the rest is not waited for.
      std::size_t taken = 0;
      while (taken < most_content && !client_->complete()) {
        const std::size_t size = client_->read_ready().size();
        if (size == 0) break;
        taken += size;
      }
      co_return CheckResult{.passed = true, .cause = {}};
    }
    std::string content;
    Result<> read = co_await read_content(content);
    if (content.contains(check_.body)) co_return CheckResult{.passed = true, .cause = {}};
    if (!read) co_return failed(answer_cause(read.error()));
    co_return failed(fmt::format("{} without the text of `body`", head.status));
  }

  Task<CheckResult> judge_grpc(const ResponseHead& head) {
    if (head.status != 200) co_return failed(std::to_string(head.status));
    GrpcStatus status = parse_grpc_status(head.headers.get("grpc-status"));
    std::string content;
    if (status == no_grpc_status) {
      Result<> read = co_await read_content(content);
      if (!read) co_return failed(answer_cause(read.error()));
      status = parse_grpc_status(client_->trailers().get("grpc-status"));
    }
    if (status == no_grpc_status) co_return failed("an answer without grpc-status");
    if (status == other_grpc_status) co_return failed("a grpc-status that does not exist");
    if (status != 0) {
      co_return failed("grpc_" + std::string(grpc_code_names[static_cast<std::size_t>(status)]));
    }
    const std::optional<std::uint64_t> serving = grpc_health::status_of(content);
    if (!serving) co_return failed("not a message of grpc.health.v1");
    if (*serving == grpc_health::serving) co_return CheckResult{.passed = true, .cause = {}};
    co_return failed(std::string(grpc_health::name_of(*serving)));
  }

  // Up to `most_content`, or as soon as it has what is looked for.
  Task<Result<>> read_content(std::string& content) {
    while (content.size() < most_content) {
      const Result<Bytes> piece = co_await client_->read();
      if (!piece) co_return std::unexpected(piece.error());
      if (piece->empty()) break;
      content += as_text(piece->first(std::min(piece->size(), most_content - content.size())));
      if (!check_.body.empty() && content.contains(check_.body)) break;
    }
    co_return Result<>{};
  }

  net::Loop& loop_;
  const CheckTarget& target_;
  const config::HealthCheck& check_;
  CancelScope& scope_;
  const Deadline until_;
  TransferClock clock_;
  std::string authority_;
  std::string message_;
  RequestHead request_;
  std::unique_ptr<net::Stream> stream_;
  std::unique_ptr<codec::h2::ClientConnection> connection_;
  std::unique_ptr<codec::ClientExchange> client_;
  bool late_ = false;
  bool connected_ = false;
  bool secured_ = false;
  bool http2_ = false;
};

}  // namespace

Task<CheckResult> run_health_check(net::Loop& loop, const CheckTarget& target, CancelScope& scope) {
  HealthCheckRun run(loop, target, scope);
  co_return co_await run.run();
}

}  // namespace weir::upstream
