#include "server/admin_connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "weir/base/text.hpp"
#include "weir/codec/linger.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using Doing = AdminPlaces::Doing;

constexpr std::uint32_t most_header_bytes = 16 * 1024;
constexpr std::uint64_t most_body_bytes = 1024 * 1024;
constexpr std::size_t read_size = 16 * 1024;
// For the first bytes of a connection, as nobody connects to say nothing.
constexpr auto patience_at_first = std::chrono::seconds(5);
// For a whole request, between two requests, and for a reader that takes nothing of its answer.
constexpr auto patience = std::chrono::seconds(30);

// Whether a request came that is none: not the end of a connection, between requests or within one.
bool is_refused(const boost::system::error_code& error) {
  return error.category() == make_error_code(http::error::bad_method).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

AdminRequest read(const http::request<http::string_body>& message) {
  AdminRequest request;
  const auto field = [&](http::field name) { return std::string(message[name]); };
  const auto list = [&](http::field name) {
    std::string all;
    const auto [begin, end] = message.equal_range(name);
    for (auto each = begin; each != end; ++each) {
      if (!all.empty()) all += ',';
      all += each->value();
    }
    return all;
  };
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
  const std::size_t query = std::min(target.find('?'), target.size());
  request.path = std::string(target.substr(0, query));
  request.query = std::string(target.substr(std::min(query + 1, target.size())));
  request.origin = field(http::field::origin);
  request.authorization = field(http::field::authorization);
  request.content_type = field(http::field::content_type);
  request.accept = list(http::field::accept);
  request.accept_encoding = list(http::field::accept_encoding);
  request.body = message.body();
  return request;
}

class Connection {
 public:
  Connection(AdminService& service, AdminProtocol::socket socket, bool local)
      : service_(service), local_(local), stream_(std::move(socket)) {
    place_ = service_.places.enter(Clock::now(), [this] { stream_.close(); });
  }
  ~Connection() {
    if (place_ != nullptr) service_.places.leave(*place_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  asio::awaitable<void> run() {
    if (place_ == nullptr) co_return;
    for (bool first = true; true; first = false) {
      Parser parser;
      const auto failed = co_await read_request(parser, first);
      if (failed && !is_refused(failed)) break;
      AdminAnswer given = refusal(failed, parser);
      bool keep = !failed && parser.keep_alive();
      if (given.status == 0) {
        const AdminRequest request = read(parser.get());
        place_->doing = is_probe(request.path)    ? Doing::serves_probe
                        : request.method == "GET" ? Doing::answers
                                                  : Doing::changes;
        given = co_await answer(request);
      } else if (given.status == 400) {
        keep = false;
      }
      if (given.watch) {
        co_await show(std::move(given), parser.get().method());
        break;
      }
      const bool sent = co_await send(std::move(given), parser.get().method(), keep);
      if (!sent || !keep) break;
    }
    if (!place_->sent_away) co_await linger();
  }

 private:
  using Parser = http::request_parser<http::string_body>;

  void moved() { place_->active = Clock::now(); }

  asio::awaitable<boost::system::error_code> read_request(Parser& parser, bool first) {
    place_->doing = Doing::awaits_request;
    parser.header_limit(most_header_bytes);
    parser.body_limit(most_body_bytes);
    parser.eager(true);
    boost::system::error_code error;
    if (buffer_.size() == 0) {
      stream_.expires_after(first ? patience_at_first : patience);
      const std::size_t n = co_await stream_.async_read_some(
          buffer_.prepare(read_size), asio::redirect_error(asio::use_awaitable, error));
      buffer_.commit(n);
      moved();
    }
    stream_.expires_after(patience);
    while (!error && !parser.is_done()) {
      co_await http::async_read_some(stream_, buffer_, parser,
                                     asio::redirect_error(asio::use_awaitable, error));
      moved();
    }
    co_return error;
  }

  // Of a request that is not to be carried out; status 0 for one that is.
  static AdminAnswer refusal(const boost::system::error_code& failed, const Parser& parser) {
    if (failed == http::error::body_limit) {
      return admin_problem(413, "body_too_large", "a body may have 1 MiB at most");
    }
    if (failed == http::error::header_limit) {
      return admin_problem(431, "headers_too_large",
                           "the request line and the headers may have 16 KiB at most");
    }
    if (failed) return admin_problem(400, "bad_request", "this is not an HTTP/1.1 request");
    if (parser.get().count(http::field::host) > 1) {
      return admin_problem(400, "bad_request", "the request has more than one Host");
    }
    return {.status = 0, .body = {}, .content_type = {}, .headers = {}};
  }

  asio::awaitable<AdminAnswer> answer(const AdminRequest& request) {
    if (auto refused = guard(request, service_.policy(local_))) co_return std::move(*refused);
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(AdminAnswer)>(
        [this, &request](auto handler) {
          auto shared = std::make_shared<decltype(handler)>(std::move(handler));
          service_.api.handle(request, [this, shared](AdminAnswer done) {
            asio::post(service_.main, [shared, done = std::move(done)]() mutable {
              std::move (*shared)(std::move(done));
            });
          });
        },
        asio::use_awaitable);
  }

  template <class Body>
  static http::response<Body> head_of(const AdminAnswer& answer) {
    http::response<Body> response(static_cast<http::status>(answer.status), 11);
    response.set(http::field::server, "weir");
    response.set(http::field::cache_control, "no-store");
    if (answer.status != 204) response.set(http::field::content_type, answer.content_type);
    for (const auto& [name, value] : answer.headers) response.set(name, value);
    return response;
  }

  // False when the peer did not take it.
  asio::awaitable<bool> send(AdminAnswer answer, http::verb method, bool keep) {
    http::response<http::string_body> response = head_of<http::string_body>(answer);
    response.body() = std::move(answer.body);
    response.keep_alive(keep);
    response.prepare_payload();
    if (answer.status == 204) response.erase(http::field::content_length);  // RFC 9110, 8.6
    if (method == http::verb::head) response.body().clear();
    service_.places.holds(Clock::now(), *place_, response.body().size());
    http::response_serializer<http::string_body> serializer(response);
    boost::system::error_code error;
    while (!error && !serializer.is_done()) {
      stream_.expires_after(patience);
      co_await http::async_write_some(stream_, serializer,
                                      asio::redirect_error(asio::use_awaitable, error));
      moved();
    }
    service_.places.holds(Clock::now(), *place_, 0);
    co_return !error;
  }

  // An answer without an end, which the connection's end is.
  asio::awaitable<void> show(AdminAnswer answer, http::verb method) {
    http::response<http::empty_body> response = head_of<http::empty_body>(answer);
    response.keep_alive(false);
    http::response_serializer<http::empty_body> serializer(response);
    boost::system::error_code error;
    stream_.expires_after(patience);
    co_await http::async_write_header(stream_, serializer,
                                      asio::redirect_error(asio::use_awaitable, error));
    if (error || method == http::verb::head) co_return;
    place_->doing = Doing::watches;
    co_await service_.watches.send(stream_, *answer.watch, patience, [this] { moved(); });
  }

  // Takes what still comes for a while, so that the answer is read and not reset away.
  asio::awaitable<void> linger() {
    place_->doing = Doing::awaits_request;
    boost::system::error_code error;
    stream_.socket().shutdown(AdminProtocol::socket::shutdown_send, error);
    const TimePoint end = Clock::now() + codec::longest_linger;
    std::array<char, read_size> scrap;
    for (std::size_t taken = 0; !error && taken < codec::most_lingered;) {
      const TimePoint now = Clock::now();
      if (now >= end) break;
      stream_.expires_after(std::min(codec::linger_silence, end - now));
      taken += co_await stream_.async_read_some(asio::buffer(scrap),
                                                asio::redirect_error(asio::use_awaitable, error));
    }
  }

  AdminService& service_;
  const bool local_;
  AdminStream stream_;
  beast::flat_buffer buffer_;
  AdminPlaces::Connection* place_ = nullptr;
};

}  // namespace

AdminPolicy AdminService::policy(bool local) const {
  const config::Admin& admin = server.snapshot()->config().admin;
  return {.local = local, .token = admin.token, .allow_hosts = admin.allow_hosts};
}

asio::awaitable<void> serve_admin(std::shared_ptr<AdminService> service,
                                  AdminProtocol::socket socket, bool local) {
  try {
    Connection connection(*service, std::move(socket), local);
    co_await connection.run();
  } catch (const std::exception& error) {
    telemetry::log::debug("admin connection ended", {{"error", error.what()}});
  }
}

}  // namespace weir::server
