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
#include "weir/server/admin_place.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {
namespace {

namespace log = telemetry::log;
using Opened = std::expected<void, std::string>;
using Listened = std::expected<std::optional<net::HandedSockets>, std::string>;

// For how long a start waits for an address that a gateway on its way out is about to give up.
constexpr auto longest_wait = std::chrono::seconds(2);
constexpr auto between_looks = std::chrono::milliseconds(50);

bool is_local(const SocketAddress& address) {
  return address.is_unix() || address.ip().is_loopback();
}

// An address that is accepted from.
class AdminSocket final : public std::enable_shared_from_this<AdminSocket> {
 public:
  AdminSocket(std::shared_ptr<AdminService> service, SocketAddress address)
      : service_(std::move(service)),
        address_(std::move(address)),
        acceptor_(service_->main),
        next_look_(service_->main) {}

  // Binds; connections queue. `beside`: another address of this process with the same port is about
  // to be given up.
  Opened bind(bool beside = false) {
    auto sockets = net::ListenSockets::open(address_, 1, false,
                                            beside ? net::Sharing::beside : net::Sharing::alone);
    if (!sockets) return std::unexpected("admin: " + address_.to_string() + ": " + sockets.error());
    adopt(std::move(*sockets));
    return {};
  }

  // In place of bind(): what the process before had bound.
  void adopt(net::ListenSockets sockets) {
    address_ = sockets.address();
    asked_ = sockets.asked();
    keeps_file_ = service_->server.is_held() && sockets.is_handed();
    acceptor_.assign(AdminProtocol(address_.family(), 0), sockets.take(0).release());
  }

  // From now on, or from the server's release on. REQUIRES: it is bound.
  void accept() {
    service_->server.when_released([self = shared_from_this()] { self->begin(); });
  }

  // Binds and accepts as soon as nobody else listens there.
  void accept_when_free() {
    if (stopped_) return;
    if (!net::is_listened_on(address_)) {
      const Opened bound = bind();
      if (!bound) return log::error("no admin address", {{"error", bound.error()}});
      return accept();
    }
    next_look_.expires_after(between_looks);
    next_look_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error) self->accept_when_free();
    });
  }

  const SocketAddress& address() const noexcept { return address_; }

  Listened listening() {
    if (!acceptor_.is_open()) return std::nullopt;
    Descriptor copy(::fcntl(acceptor_.native_handle(), F_DUPFD_CLOEXEC, 3));
    if (!copy) return std::unexpected(std::string("admin: fcntl: ") + std::strerror(errno));
    net::HandedSockets out;
    out.address.owner = net::HandedFor::admin;
    out.address.asked = asked_;
    out.fds.push_back(std::move(copy));
    return out;
  }

  // Connections that are open stay. `handed_over`: another process has the socket, too.
  void stop(bool handed_over = false) noexcept {
    stopped_ = true;
    next_look_.cancel();
    if (!acceptor_.is_open()) return;
    boost::system::error_code ignored;
    // The file first: who finds none may make it, while the socket still answers who came by it.
    if (address_.is_unix() && !handed_over && !keeps_file_) ::unlink(address_.path().c_str());
    acceptor_.close(ignored);
  }

 private:
  void begin() {
    if (stopped_) return;
    keeps_file_ = false;
    asio::co_spawn(service_->main, accept_from(shared_from_this()), asio::detached);
    log::info("listening", {{"name", "admin"}, {"address", address_.to_string()}});
  }

  static asio::awaitable<void> accept_from(std::shared_ptr<AdminSocket> self) {
    const bool local = is_local(self->address_);
    while (self->acceptor_.is_open()) {
      boost::system::error_code error;
      AdminProtocol::socket socket =
          co_await self->acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (error == asio::error::operation_aborted) co_return;
      if (error) {
        // No descriptor left, most likely: the next connection is tried in a while.
        asio::steady_timer pause(self->service_->main, std::chrono::milliseconds(100));
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      asio::co_spawn(self->service_->main, serve_admin(self->service_, std::move(socket), local),
                     asio::detached);
    }
  }

  const std::shared_ptr<AdminService> service_;
  SocketAddress address_;
  std::string asked_;  // as it was bound
  asio::basic_socket_acceptor<AdminProtocol> acceptor_;
  asio::steady_timer next_look_;
  bool stopped_ = false;
  bool keeps_file_ = false;  // the process before still listens there
};

// The admin address wherever it is, or nowhere. Its connections may outlive it.
class AdminServer final : public Admin, public AdminPlace {
 public:
  AdminServer(asio::io_context& main, Server& server)
      : server_(server), service_(std::make_shared<AdminService>(main, server)) {
    server_.set_admin_place(this);
  }
  ~AdminServer() override {
    server_.set_admin_place(nullptr);
    stop(false);
    // Nothing asks the server any more.
    service_->api.stop();
    service_->watches.finish();
  }

  // Null: it is off.
  void begin(std::shared_ptr<AdminSocket> socket) { now_ = std::move(socket); }
  std::shared_ptr<AdminSocket> make_socket(const SocketAddress& address) const {
    return std::make_shared<AdminSocket>(service_, address);
  }

  std::string address() const override { return now_ ? now_->address().to_string() : ""; }
  void stop(bool handed_over) override {
    left_ = true;
    abandon();
    if (now_) now_->stop(handed_over);
  }
  Listened listening() const override { return now_ ? now_->listening() : Listened(std::nullopt); }

  std::string prepare(const std::string& bind) override {
    abandon();
    if (left_ || bind.empty()) return {};
    const auto address = SocketAddress::parse(bind);
    if (!address) return "admin.bind: '" + bind + "' is not an address";
    auto made = make_socket(*address);
    const bool beside = now_ && !address->is_unix() && !now_->address().is_unix() &&
                        address->port() != 0 && address->port() == now_->address().port();
    if (const Opened bound = made->bind(beside); !bound) return bound.error();
    next_ = std::move(made);
    return {};
  }
  void commit() override {
    if (left_) return;
    if (now_) now_->stop();
    now_ = std::exchange(next_, nullptr);
    if (now_) {
      now_->accept();
    } else {
      log::info("the admin address is off");
    }
  }
  void abandon() noexcept override {
    if (next_) next_->stop();
    next_ = nullptr;
  }

 private:
  Server& server_;
  const std::shared_ptr<AdminService> service_;
  std::shared_ptr<AdminSocket> now_;
  std::shared_ptr<AdminSocket> next_;  // bound, not in use yet
  bool left_ = false;                  // the process ends
};

}  // namespace

std::expected<std::unique_ptr<Admin>, std::string> make_admin(asio::io_context& main,
                                                              Server& server) {
  auto admin = std::make_unique<AdminServer>(main, server);
  const std::string& bind = server.snapshot()->config().admin.bind;
  if (bind.empty()) return admin;
  const auto address = SocketAddress::parse(bind);
  if (!address) return std::unexpected("admin.bind: '" + bind + "' is not an address");
  auto socket = admin->make_socket(*address);
  if (auto handed = server.take_admin_socket(address->to_string())) {
    socket->adopt(std::move(*handed));
    socket->accept();
    admin->begin(std::move(socket));
    return admin;
  }
  bool taken = net::is_listened_on(*address);
  if (taken && server.takes_over()) {
    log::info("another process has the admin address; this one takes it when it is free",
              {{"address", bind}});
    socket->accept_when_free();
    admin->begin(std::move(socket));
    return admin;
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
  if (const Opened bound = socket->bind(); !bound) return std::unexpected(bound.error());
  socket->accept();
  admin->begin(std::move(socket));
  return admin;
}

}  // namespace weir::server
