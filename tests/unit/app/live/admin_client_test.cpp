#include "app/live/admin_client.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "app/live/asker.hpp"
#include "support/temp_folder.hpp"
#include "weir/base/ip.hpp"

namespace weir::app {
namespace {

using testing_support::TempFolder;

// Accepts one connection, reads a request to the end of its head and `body` bytes more, writes
// `answer` and closes.
class CannedServer {
 public:
  CannedServer(const SocketAddress& address, std::string answer, std::size_t body = 0)
      : listener_(::socket(address.family(), SOCK_STREAM, 0)) {
    sockaddr_storage storage;
    const socklen_t length = address.to_sockaddr(storage);
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&storage), length) != 0 ||
        ::listen(listener_, 1) != 0) {
      ADD_FAILURE() << "cannot listen";
    }
    socklen_t size = sizeof storage;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&storage), &size);
    address_ = SocketAddress::from(reinterpret_cast<const sockaddr*>(&storage), size);
    thread_ = std::thread([this, answer = std::move(answer), body] { serve(answer, body); });
  }
  ~CannedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  CannedServer(const CannedServer&) = delete;
  CannedServer& operator=(const CannedServer&) = delete;

  std::string address() const { return address_.to_string(); }
  // REQUIRES: the answer was read.
  const std::string& request() const { return request_; }

 private:
  void serve(const std::string& answer, std::size_t body) {
    const int peer = ::accept(listener_, nullptr, nullptr);
    if (peer < 0) return;
    char block[4096];
    const auto whole = [&] {
      const std::size_t end = request_.find("\r\n\r\n");
      return end != std::string::npos && request_.size() >= end + 4 + body;
    };
    while (!whole()) {
      const ssize_t n = ::recv(peer, block, sizeof block, 0);
      if (n <= 0) break;
      request_.append(block, static_cast<std::size_t>(n));
    }
    if (answer.empty()) {  // silent until the peer gives up
      while (::recv(peer, block, sizeof block, 0) > 0) {
      }
    }
    ::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
    ::close(peer);
  }

  int listener_;
  SocketAddress address_;
  std::string request_;
  std::thread thread_;
};

SocketAddress loopback() { return *SocketAddress::parse("127.0.0.1:0"); }

AdminTarget target_of(const std::string& address, const std::string& token = "") {
  return {.address = address, .from = "--admin", .token = token, .token_from = {}};
}

constexpr const char* simple = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST(AdminClient, AsksAndReads) {
  std::string request;
  {
    CannedServer server(loopback(),
                        "HTTP/1.1 422 No\r\nContent-Type: text/plain\r\n"
                        "Content-Length: 3\r\n\r\nbad",
                        2);
    const AdminClient client(target_of(server.address(), "secret"));
    const auto reply = client.ask({.method = "PUT", .path = "/log/level", .body = "{}"});
    ASSERT_TRUE(reply) << reply.error();
    EXPECT_EQ(reply->status, 422);
    EXPECT_EQ(reply->content_type, "text/plain");
    EXPECT_EQ(reply->body, "bad");
    request = server.request();
    EXPECT_NE(request.find("Host: " + server.address() + "\r\n"), std::string::npos) << request;
  }
  EXPECT_TRUE(request.starts_with("PUT /log/level HTTP/1.1\r\n")) << request;
  EXPECT_NE(request.find("Authorization: Bearer secret\r\n"), std::string::npos) << request;
  EXPECT_NE(request.find("Content-Type: application/json\r\n"), std::string::npos) << request;
  EXPECT_TRUE(request.ends_with("\r\n\r\n{}")) << request;
}

TEST(AdminClient, OverAUnixSocket) {
  const TempFolder folder;
  CannedServer server(*SocketAddress::parse("unix:" + folder.file("s")), simple);
  const auto reply = AdminClient(target_of(server.address())).ask({.path = "/", .body = {}});
  ASSERT_TRUE(reply) << reply.error();
  EXPECT_EQ(reply->body, "ok");
  EXPECT_NE(server.request().find("Host: localhost\r\n"), std::string::npos);
  EXPECT_EQ(server.request().find("Authorization"), std::string::npos);
}

TEST(AdminClient, ByName) {
  CannedServer server(loopback(), simple);
  const std::string port = server.address().substr(server.address().find(':'));
  const auto reply = AdminClient(target_of("localhost" + port)).ask({.path = "/", .body = {}});
  ASSERT_TRUE(reply) << reply.error();
  EXPECT_NE(server.request().find("Host: localhost" + port + "\r\n"), std::string::npos);
}

TEST(AdminClient, AnswersOfEveryFraming) {
  for (const char* answer : {simple, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "1\r\no\r\n1\r\nk\r\n0\r\n\r\n"}) {
    CannedServer server(loopback(), answer);
    const auto reply = AdminClient(target_of(server.address())).ask({.path = "/", .body = {}});
    ASSERT_TRUE(reply) << answer << reply.error();
    EXPECT_EQ(reply->body, "ok") << answer;
  }
  CannedServer server(loopback(), "HTTP/1.1 204 No Content\r\n\r\n");
  const auto reply = AdminClient(target_of(server.address())).ask({.path = "/", .body = {}});
  ASSERT_TRUE(reply) << reply.error();
  EXPECT_EQ(reply->status, 204);
}

TEST(AdminClient, SaysWhatFailed) {
  struct Row {
    const char* answer;
    const char* words;
  };
  const Row rows[]{
      {"SSH-2.0-OpenSSH\r\n", "what answers there is not HTTP"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", "closed in the middle of the answer"},
      {"HTTP/1.1 200 OK\r\nContent-", "closed in the middle of the answer"},
      {"", "no answer within 0.2 s"},
  };
  for (const Row& row : rows) {
    CannedServer server(loopback(), row.answer);
    const bool silent = *row.answer == '\0';
    const AdminClient client(target_of(server.address()),
                             std::chrono::milliseconds(silent ? 200 : 10'000));
    const auto reply = client.ask({.path = "/", .body = {}});
    ASSERT_FALSE(reply) << row.words;
    EXPECT_NE(reply.error().find(row.words), std::string::npos) << reply.error();
  }
  const auto refused = AdminClient(target_of("127.0.0.1:1")).ask({.path = "/", .body = {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(),
            "Connection refused; is weir running? --admin ADDRESS asks another address");
  const auto none = AdminClient(target_of("unix:/nowhere/s")).ask({.path = "/", .body = {}});
  ASSERT_FALSE(none);
  EXPECT_TRUE(none.error().starts_with("No such file or directory")) << none.error();
}

TEST(AdminClient, AnAnswerIsBounded) {
  const std::string huge(AdminClient::most_body + 1, 'x');
  CannedServer server(loopback(), "HTTP/1.1 200 OK\r\n\r\n" + huge);
  const AdminClient patient(target_of(server.address()), std::chrono::minutes(2));
  const auto reply = patient.ask({.path = "/", .body = {}});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error(), "the answer is larger than 64 MiB");
}

TEST(AdminClient, StreamsPieces) {
  CannedServer server(loopback(),
                      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "4\r\none\n\r\n4\r\ntwo\n\r\n0\r\n\r\n");
  std::string seen;
  const auto reply = AdminClient(target_of(server.address()))
                         .stream({.path = "/", .body = {}}, [&](std::string_view bytes) {
                           seen += bytes;
                           return true;
                         });
  ASSERT_TRUE(reply) << reply.error();
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body, "");
  EXPECT_EQ(seen, "one\ntwo\n");
}

TEST(AdminClient, AStreamEndsWhenItIsNotWantedAnyMore) {
  CannedServer server(loopback(),
                      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "4\r\none\n\r\n");
  int pieces = 0;
  const auto reply = AdminClient(target_of(server.address()))
                         .stream({.path = "/", .body = {}}, [&](std::string_view) {
                           ++pieces;
                           return false;
                         });
  ASSERT_TRUE(reply) << reply.error();
  EXPECT_EQ(pieces, 1);
}

TEST(AdminClient, ARefusedStreamIsAnAnswer) {
  CannedServer server(loopback(), "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  const auto reply = AdminClient(target_of(server.address()))
                         .stream({.path = "/", .body = {}}, [](std::string_view) { return true; });
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 403);
  EXPECT_EQ(reply->body, "no");
}

TEST(Asker, RefusalsHaveTheirRemedy) {
  const auto problem = [](int status, const char* detail) {
    return AdminReply{status, "application/problem+json",
                      std::string(R"({"detail":")") + detail + R"("})"};
  };
  struct Row {
    AdminReply reply;
    const char* token;
    const char* text;
  };
  const Row rows[]{
      {problem(401, "x"), "",
       "401 Unauthorized: x; give its token with --token-file FILE or WEIR_ADMIN_TOKEN"},
      {problem(401, "x"), "secret",
       "401 Unauthorized: x; the token of --token-file is not the gateway's"},
      {problem(403, "set admin.token_file"), "", "403 Forbidden: set admin.token_file"},
      {problem(421, "x"), "",
       "421 Misdirected Request: x; ask it by its IP address, or name the host in "
       "admin.allow_hosts"},
      {problem(422, "x"), "", "422 Unprocessable Content: x"},
      {{503, "text/plain", "draining\nmore"}, "", "503 Service Unavailable: draining"},
      {{500, "", ""}, "", "500 Internal Server Error"},
  };
  for (const Row& row : rows) {
    AdminTarget target = target_of("127.0.0.1:1", row.token);
    if (!target.token.empty()) target.token_from = "--token-file";
    EXPECT_EQ(refusal_text(row.reply, target), row.text);
  }
}

TEST(Asker, PathSegments) {
  EXPECT_EQ(path_segment("orders-v1_2.x~"), "orders-v1_2.x~");
  EXPECT_EQ(path_segment("unix:/run/x"), "unix%3A%2Frun%2Fx");
  EXPECT_EQ(path_segment("[::1]:80"), "%5B%3A%3A1%5D%3A80");
  EXPECT_EQ(path_segment("\xc3\xbc"), "%C3%BC");
}

}  // namespace
}  // namespace weir::app
