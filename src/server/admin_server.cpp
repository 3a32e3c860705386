#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "server/admin_connection.hpp"
#include "weir/net/acceptor.hpp"
#include "weir/server/admin.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {
namespace {

namespace log = telemetry::log;
using Opened = std::expected<void, std::string>;

// For how long a start waits for an address that a gateway on its way out is about to give up.
constexpr auto longest_wait = std::chrono::seconds(2);
constexpr auto between_looks = std::chrono::milliseconds(50);

class AdminServer final : public std::enable_shared_from_this<AdminServer> {
 public:
  AdminServer(asio::io_context& main, Server& server, SocketAddress address)
      : main_(main),
        server_(server),
        address_(std::move(address)),
        service_(std::make_shared<AdminService>(main, server,
                                                address_.is_unix() || address_.ip().is_loopback())),
        acceptor_(main),
        next_look_(main) {}

  // Binds and accepts from now on, or from the server's release on.
  Opened open() {
    auto sockets = net::ListenSockets::open(address_, 1);
    if (!sockets) return std::unexpected("admin: " + address_.to_string() + ": " + sockets.error());
    adopt(std::move(*sockets));
    return {};
  }

  void adopt(net::ListenSockets sockets) {
    address_ = sockets.address();
    asked_ = sockets.asked();
    keeps_file_ = server_.is_held() && sockets.is_handed();
    acceptor_.assign(AdminProtocol(address_.family(), 0), sockets.take(0).release());
    server_.when_released([self = shared_from_this()] { self->begin(); });
  }

  // open() as soon as nobody else listens there.
  void open_when_free() {
    if (stopped_) return;
    if (!net::is_listened_on(address_)) {
      const Opened opened = open();
      if (!opened) log::error("no admin address", {{"error", opened.error()}});
      return;
    }
    next_look_.expires_after(between_looks);
    next_look_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error) self->open_when_free();
    });
  }

  std::string address() const { return address_.to_string(); }

  std::expected<std::optional<net::HandedSockets>, std::string> listening() {
    if (!acceptor_.is_open()) return std::nullopt;
    Descriptor copy(::fcntl(acceptor_.native_handle(), F_DUPFD_CLOEXEC, 3));
    if (!copy) return std::unexpected(std::string("admin: fcntl: ") + std::strerror(errno));
    net::HandedSockets out;
    out.address.owner = net::HandedFor::admin;
    out.address.asked = asked_;
    out.fds.push_back(std::move(copy));
    return out;
  }

  // Connections that are open stay.
  void stop(bool handed_over) {
    stopped_ = true;
    next_look_.cancel();
    if (!acceptor_.is_open()) return;
    boost::system::error_code ignored;
    // The file first: who finds none may make it, while the socket still answers who came by it.
    if (address_.is_unix() && !handed_over && !keeps_file_) ::unlink(address_.path().c_str());
    acceptor_.close(ignored);
  }

  // Nothing asks the server any more.
  void end() {
    stop(false);
    service_->api.stop();
    service_->watches.finish();
  }

 private:
  void begin() {
    if (stopped_) return;
    keeps_file_ = false;
    asio::co_spawn(main_, accept(shared_from_this()), asio::detached);
    log::info("listening", {{"name", "admin"}, {"address", address_.to_string()}});
  }

  static asio::awaitable<void> accept(std::shared_ptr<AdminServer> self) {
    while (self->acceptor_.is_open()) {
      boost::system::error_code error;
      AdminProtocol::socket socket =
          co_await self->acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (error == asio::error::operation_aborted) co_return;
      if (error) {
        // No descriptor left, most likely: the next connection is tried in a while.
        asio::steady_timer pause(self->main_, std::chrono::milliseconds(100));
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      asio::co_spawn(self->main_, serve_admin(self->service_, std::move(socket)), asio::detached);
    }
  }

  asio::io_context& main_;
  Server& server_;
  SocketAddress address_;
  std::string asked_;  // as it was bound
  const std::shared_ptr<AdminService> service_;
  asio::basic_socket_acceptor<AdminProtocol> acceptor_;
  asio::steady_timer next_look_;
  bool stopped_ = false;
  bool keeps_file_ = false;  // the process before still listens there
};

class AdminOff final : public Admin {
 public:
  std::string address() const override { return {}; }
  void stop(bool) override {}
  std::expected<std::optional<net::HandedSockets>, std::string> listening() const override {
    return std::nullopt;
  }
};

// Keeps the server alive while its connections end.
class AdminHandle final : public Admin {
 public:
  explicit AdminHandle(std::shared_ptr<AdminServer> server) : server_(std::move(server)) {}
  ~AdminHandle() override { server_->end(); }
  std::string address() const override { return server_->address(); }
  void stop(bool handed_over) override { server_->stop(handed_over); }
  std::expected<std::optional<net::HandedSockets>, std::string> listening() const override {
    return server_->listening();
  }

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
  auto made = std::make_shared<AdminServer>(main, server, *address);
  if (auto handed = server.take_admin_socket(address->to_string())) {
    made->adopt(std::move(*handed));
    return std::make_unique<AdminHandle>(std::move(made));
  }
  bool taken = net::is_listened_on(*address);
  if (taken && server.takes_over()) {
    log::info("another process has the admin address; this one takes it when it is free",
              {{"address", bind}});
    made->open_when_free();
    return std::make_unique<AdminHandle>(std::move(made));
  }
  for (const TimePoint until = Clock::now() + longest_wait; taken && Clock::now() < until;) {
    std::this_thread::sleep_for(between_looks);
    taken = net::is_listened_on(*address);
  }
  if (taken) {
    return std::unexpected("admin: " + bind +
                           ": another process listens there; stop it, give this one an admin.bind "
                           "of its own, or take its place (WEIR_TAKE_OVER=1, see docs/restart.md)");
  }
  if (const Opened opened = made->open(); !opened) return std::unexpected(opened.error());
  return std::make_unique<AdminHandle>(std::move(made));
}

}  // namespace weir::server
