#include "app/live/admin_client.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <exception>
#include <utility>
#include <vector>

#include "app/live/host_addresses.hpp"
#include "weir/base/asio.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/release.hpp"

namespace weir::app {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using Protocol = asio::generic::stream_protocol;
using ReplyOutcome = std::expected<AdminReply, std::string>;
using Error = boost::system::error_code;

constexpr std::uint32_t most_head = 64 * 1024;
constexpr const char* remedy = "is weir running? --admin ADDRESS asks another address";

std::string seconds(Duration time) {
  return fmt::format("{:g} s", std::chrono::duration<double>(time).count());
}

Protocol::endpoint endpoint_of(const SocketAddress& address) {
  sockaddr_storage storage;
  const socklen_t length = address.to_sockaddr(storage);
  return Protocol::endpoint(&storage, length);
}

// One request and its answer.
class Conversation {
 public:
  Conversation(asio::io_context& io, const AdminTarget& target, const AdminQuestion& question,
               Duration patience)
      : stream_(io), patience_(patience), until_(Clock::now() + patience) {
    request_.method_string({question.method.data(), question.method.size()});
    request_.target({question.path.data(), question.path.size()});
    request_.set(http::field::host,
                 target.address.starts_with("unix:") ? "localhost" : target.address);
    request_.set(http::field::user_agent, "weir/" + std::string(release()));
    request_.set(http::field::connection, "close");
    if (!target.token.empty()) request_.set(http::field::authorization, "Bearer " + target.token);
    if (!question.body.empty()) request_.set(http::field::content_type, "application/json");
    request_.body() = question.body;
    request_.prepare_payload();
  }

  // `piece`: null for an answer that is to be kept whole.
  asio::awaitable<ReplyOutcome> run(std::vector<SocketAddress> addresses,
                                    const AdminClient::Piece* piece) {
    Error failed = asio::error::host_not_found;
    for (const SocketAddress& address : addresses) {
      failed = co_await connect(address);
      if (!failed) break;
    }
    if (failed) co_return std::unexpected(words_of(failed) + "; " + remedy);
    stream_.expires_at(until_);
    co_await http::async_write(stream_, request_,
                               asio::redirect_error(asio::use_awaitable, failed));
    // Who refuses early may close before it has read everything: its answer says why.
    parser_.header_limit(most_head);
    parser_.body_limit(boost::none);
    stream_.expires_at(until_);
    co_await http::async_read_header(stream_, buffer_, parser_,
                                     asio::redirect_error(asio::use_awaitable, failed));
    if (failed) co_return std::unexpected(words_of(failed));
    AdminReply reply;
    reply.status = static_cast<int>(parser_.get().result_int());
    reply.content_type = std::string(parser_.get()[http::field::content_type]);
    const bool streams = piece != nullptr && reply.status == 200;
    co_return co_await read_body(std::move(reply), streams ? piece : nullptr);
  }

 private:
  asio::awaitable<Error> connect(const SocketAddress& address) {
    Error failed;
    stream_.close();
    stream_.expires_at(until_);
    co_await stream_.async_connect(endpoint_of(address),
                                   asio::redirect_error(asio::use_awaitable, failed));
    co_return failed;
  }

  asio::awaitable<ReplyOutcome> read_body(AdminReply reply, const AdminClient::Piece* piece) {
    std::array<char, 16 * 1024> block;
    while (!parser_.is_done()) {
      auto& body = parser_.get().body();
      body.data = block.data();
      body.size = block.size();
      if (piece == nullptr) {
        stream_.expires_at(until_);
      } else {
        stream_.expires_never();
      }
      Error failed;
      co_await http::async_read_some(stream_, buffer_, parser_,
                                     asio::redirect_error(asio::use_awaitable, failed));
      const std::string_view bytes(block.data(), block.size() - body.size);
      if (piece != nullptr) {
        if (!bytes.empty() && !(*piece)(bytes)) break;
      } else {
        reply.body += bytes;
        if (reply.body.size() > AdminClient::most_body) {
          co_return std::unexpected("the answer is larger than 64 MiB");
        }
      }
      if (failed && failed != http::error::need_buffer) {
        co_return std::unexpected(words_of(failed));
      }
    }
    co_return reply;
  }

  std::string words_of(const Error& failed) const {
    if (failed == beast::error::timeout) return "no answer within " + seconds(patience_);
    if (failed == http::error::end_of_stream) return "closed without an answer";
    if (failed == http::error::partial_message || failed == asio::error::connection_reset) {
      return "closed in the middle of the answer";
    }
    if (failed.category() == make_error_code(http::error::bad_method).category()) {
      return "what answers there is not HTTP (" + failed.message() + ")";
    }
    return failed.message();
  }

  beast::basic_stream<Protocol> stream_;
  http::request<http::string_body> request_;
  http::response_parser<http::buffer_body> parser_;
  beast::flat_buffer buffer_;
  Duration patience_;
  TimePoint until_;
};

ReplyOutcome converse(const AdminTarget& target, const AdminQuestion& question, Duration patience,
                      const AdminClient::Piece* piece) {
  auto addresses = host_addresses(target.address, patience);
  if (!addresses) return std::unexpected(std::move(addresses.error()));
  asio::io_context io;
  Conversation conversation(io, target, question, patience);
  ReplyOutcome out = std::unexpected("closed without an answer");
  std::exception_ptr thrown;
  asio::co_spawn(io, conversation.run(std::move(*addresses), piece),
                 [&](std::exception_ptr error, ReplyOutcome outcome) {
                   thrown = error;
                   if (!thrown) out = std::move(outcome);
                 });
  io.run();
  if (thrown) std::rethrow_exception(thrown);
  return out;
}

}  // namespace

std::expected<AdminReply, std::string> AdminClient::ask(const AdminQuestion& question) const {
  return converse(target_, question, patience_, nullptr);
}

std::expected<AdminReply, std::string> AdminClient::stream(const AdminQuestion& question,
                                                           const Piece& piece) const {
  return converse(target_, question, patience_, &piece);
}

}  // namespace weir::app
