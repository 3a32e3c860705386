#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <utility>

#include "server/admin_api.hpp"
#include "server/admin_guard.hpp"
#include "weir/base/text.hpp"
#include "weir/codec/linger.hpp"
#include "weir/net/acceptor.hpp"
#include "weir/server/admin.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using Protocol = asio::generic::stream_protocol;
using Socket = Protocol::socket;

constexpr std::size_t most_connections = 64;
constexpr std::uint32_t most_header_bytes = 16 * 1024;
constexpr std::uint64_t most_body_bytes = 1024 * 1024;
constexpr auto patience = std::chrono::seconds(30);

// Whether a request came that is none: not the end of a connection, between requests or within one.
bool is_refused(const boost::system::error_code& error) {
  return error.category() == make_error_code(http::error::bad_method).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

class AdminServer final : public Admin, public std::enable_shared_from_this<AdminServer> {
 public:
  AdminServer(asio::io_context& main, Server& server, net::ListenSockets sockets)
      : main_(main), server_(server), api_(server), address_(sockets.address()), acceptor_(main) {
    acceptor_.assign(Protocol(address_.family(), 0), sockets.take(0).release());
    local_ = address_.is_unix() || address_.ip().is_loopback();
  }

  void start() { asio::co_spawn(main_, accept(shared_from_this()), asio::detached); }
  std::string address() const override { return address_.to_string(); }
  void stop() override {
    boost::system::error_code ignored;
    if (!acceptor_.is_open()) return;
    acceptor_.close(ignored);
    if (address_.is_unix()) ::unlink(address_.path().c_str());
  }

 private:
  AdminPolicy policy() const {
    const config::Admin& admin = server_.snapshot()->config().admin;
    return {.local = local_, .token = admin.token, .allow_hosts = admin.allow_hosts};
  }

  static asio::awaitable<void> accept(std::shared_ptr<AdminServer> self) {
    while (self->acceptor_.is_open()) {
      boost::system::error_code error;
      Socket socket =
          co_await self->acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (error == asio::error::operation_aborted) co_return;
      if (error) {
        // No descriptor left, most likely: the next connection is tried in a while.
        asio::steady_timer pause(self->main_, std::chrono::milliseconds(100));
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      if (self->connections_ >= most_connections) continue;
      asio::co_spawn(self->main_, serve(self, std::move(socket)), asio::detached);
    }
  }

  static asio::awaitable<void> serve(std::shared_ptr<AdminServer> self, Socket socket) {
    ++self->connections_;
    try {
      beast::basic_stream<Protocol> stream(std::move(socket));
      beast::flat_buffer buffer;
      bool keep = true;
      while (keep) {
        http::request_parser<http::string_body> parser;
        parser.header_limit(most_header_bytes);
        parser.body_limit(most_body_bytes);
        stream.expires_after(patience);
        boost::system::error_code error;
        co_await http::async_read(stream, buffer, parser,
                                  asio::redirect_error(asio::use_awaitable, error));
        AdminAnswer answer;
        if (error && !is_refused(error)) break;
        keep = !error && parser.keep_alive();
        if (error == http::error::body_limit) {
          answer = admin_problem(413, "body_too_large", "at most 1 MiB");
        } else if (error == http::error::header_limit) {
          answer = admin_problem(431, "headers_too_large", "at most 16 KiB");
        } else if (error || parser.get().count(http::field::host) > 1) {
          keep = false;
          answer = admin_problem(400, "bad_request", "malformed request");
        } else {
          answer = co_await self->answer(parser.get());
        }
        http::response<http::string_body> response(static_cast<http::status>(answer.status), 11);
        response.set(http::field::server, "weir");
        response.set(http::field::cache_control, "no-store");
        if (answer.status != 204) response.set(http::field::content_type, answer.content_type);
        for (const auto& [name, value] : answer.headers) response.set(name, value);
        response.body() = std::move(answer.body);
        response.keep_alive(keep);
        response.prepare_payload();
        if (answer.status == 204) response.erase(http::field::content_length);  // RFC 9110, 8.6
        if (parser.get().method() == http::verb::head) response.body().clear();
        stream.expires_after(patience);
        co_await http::async_write(stream, response, asio::use_awaitable);
      }
      co_await linger(stream);
    } catch (const std::exception& error) {
      telemetry::log::debug("admin connection ended", {{"error", error.what()}});
    }
    --self->connections_;
  }

  // Takes what still comes for a while, so that the answer is read and not reset away.
  static asio::awaitable<void> linger(beast::basic_stream<Protocol>& stream) {
    boost::system::error_code error;
    stream.socket().shutdown(Socket::shutdown_send, error);
    const auto end = std::chrono::steady_clock::now() + codec::longest_linger;
    std::array<char, 16 * 1024> scrap;
    for (std::size_t taken = 0; !error && taken < codec::most_lingered;) {
      const auto now = std::chrono::steady_clock::now();
      if (now >= end) break;
      stream.expires_at(std::min(now + codec::linger_silence, end));
      taken += co_await stream.async_read_some(asio::buffer(scrap),
                                               asio::redirect_error(asio::use_awaitable, error));
    }
  }

  asio::awaitable<AdminAnswer> answer(const http::request<http::string_body>& message) {
    AdminRequest request;
    const auto field = [&](http::field name) { return std::string(message[name]); };
    request.method = std::string(message.method_string());
    if (request.method == "HEAD") request.method = "GET";
    std::string_view target(message.target().data(), message.target().size());
    request.authority = field(http::field::host);
    if (constexpr std::string_view scheme = "http://"; istarts_with(target, scheme)) {
      // Absolute form: its host counts (RFC 9112, 3.2.2).
      target.remove_prefix(scheme.size());
      const std::size_t end = std::min(target.find_first_of("/?"), target.size());
      request.authority = std::string(target.substr(0, end));
      target.remove_prefix(end);
    }
    request.path = std::string(target.substr(0, target.find('?')));
    request.origin = field(http::field::origin);
    request.authorization = field(http::field::authorization);
    request.content_type = field(http::field::content_type);
    request.body = message.body();
    if (auto refusal = guard(request, policy())) co_return std::move(*refusal);

    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(AdminAnswer)>(
        [this, &request](auto handler) {
          auto shared = std::make_shared<decltype(handler)>(std::move(handler));
          api_.handle(request, [this, shared](AdminAnswer done) {
            asio::post(main_, [shared, done = std::move(done)]() mutable {
              std::move (*shared)(std::move(done));
            });
          });
        },
        asio::use_awaitable);
  }

  asio::io_context& main_;
  Server& server_;
  AdminApi api_;
  const SocketAddress address_;
  bool local_ = true;
  asio::basic_socket_acceptor<Protocol> acceptor_;
  std::size_t connections_ = 0;
};

class AdminOff final : public Admin {
 public:
  std::string address() const override { return {}; }
  void stop() override {}
};

// Keeps the server alive while its connections end.
class AdminHandle final : public Admin {
 public:
  explicit AdminHandle(std::shared_ptr<AdminServer> server) : server_(std::move(server)) {}
  ~AdminHandle() override { server_->stop(); }
  std::string address() const override { return server_->address(); }
  void stop() override { server_->stop(); }

 private:
  std::shared_ptr<AdminServer> server_;
};

}  // namespace

std::expected<std::unique_ptr<Admin>, std::string> make_admin(asio::io_context& main,
                                                              Server& server) {
  const std::string& bind = server.snapshot()->config().admin.bind;
  if (bind.empty()) return std::make_unique<AdminOff>();
  const auto address = SocketAddress::parse(bind);
  if (!address) return std::unexpected("admin.bind: '" + bind + "' is not an address");
  auto sockets = net::ListenSockets::open(*address, 1);
  if (!sockets) return std::unexpected("admin: " + bind + ": " + sockets.error());
  auto made = std::make_shared<AdminServer>(main, server, std::move(*sockets));
  made->start();
  telemetry::log::info("listening", {{"name", "admin"}, {"address", made->address()}});
  return std::make_unique<AdminHandle>(std::move(made));
}

}  // namespace weir::server
