// A connection that a client of the test's own talks to, and a handler that answers as the test
// says.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "codec/h1/wire.hpp"
#include "weir/codec/h1/server_connection.hpp"
#include "weir/http/answer.hpp"

namespace weir::codec::h1 {

// Answers with what the test says and remembers what it was asked.
class Answers final : public ServerHandler {
 public:
  using Answer = std::function<Task<Response>(Request&, Exchange&)>;

  Task<Response> handle(Request& request, Exchange& exchange) override {
    asked.emplace_back(request.head.method_text);
    asked.back() += ' ';
    asked.back() += request.head.path;
    return answer(request, exchange);
  }
  Response refuse(const Error& error, Exchange&) override {
    refused.push_back(error.reason);
    return plain("refused", status_of(error.reason));
  }
  void completed(const Request&, Exchange&, const Outcome& outcome) noexcept override {
    outcomes.push_back(outcome);
  }

  // Without a Date of the day.
  static Response plain(std::string body, int status = 200) {
    Response out;
    out.head.status = status;
    out.head.headers.add("Date", "-");
    out.body = std::move(body);
    return out;
  }

  Answer answer = [](Request&, Exchange&) -> Task<Response> { co_return plain("ok"); };
  std::vector<std::string> asked;
  std::vector<Reason> refused;
  std::vector<Outcome> outcomes;
};

inline std::string answer_text(const std::string& body, const std::string& more = "") {
  return "HTTP/1.1 200 OK\r\nDate: -\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         more + "\r\n" + body;
}
inline const std::string close_field = "Connection: close\r\n";

inline Task<Response> echo(Request& request, Exchange&) {
  std::string content;
  while (request.body != nullptr) {
    const auto piece = co_await request.body->read();
    if (!piece) co_return Answers::plain("failed", status_of(piece.error().reason));
    if (piece->empty()) break;
    content += as_text(*piece);
  }
  co_return Answers::plain(content);
}

class ServerConnectionTest : public testing::Test {
 protected:
  ServerConnectionTest() {
    limits_.header_timeout = 5s;
    limits_.idle_timeout = 5s;
    limits_.body_idle_timeout = 5s;
  }

  // Serves one connection while `client` talks to it; the client leaves when it returns.
  template <class Client>
  void serve(Client client) {
    Loop loop;
    info_.loop = &loop;
    run_on(loop, [&]() -> Task<> {
      Wire wire = co_await Wire::connect(loop);
      connection_ = make_server_connection(std::move(wire.near), info_, limits_, handler_);
      net::TaskGroup group(loop);
      group.spawn(connection_->run());
      co_await client(*wire.peer);
      wire.peer->leave();
      EXPECT_TRUE(co_await group.join(loop.now() + 5s)) << "still serving";
      connection_.reset();
    });
  }
  // What comes back to `text` by the time the server closes, or the client has finished and all is
  // answered.
  std::string exchanged(const std::string& text) {
    std::string got;
    serve([&](Peer& peer) -> Task<> {
      co_await peer.say(text);
      got = co_await peer.hear_all();
    });
    return got;
  }

  ConnectionInfo info_;
  config::Limits limits_;
  Answers handler_;
  std::unique_ptr<ServerConnection> connection_;
};

}  // namespace weir::codec::h1
