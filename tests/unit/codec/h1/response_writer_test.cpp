#include "codec/h1/response_writer.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "codec/h1/wire.hpp"

namespace weir::codec::h1 {
namespace {

const std::string date = "Thu, 01 Jan 1970 00:00:00 GMT";

// Writes one answer to a client.
class ResponseWriterTest : public testing::Test {
 protected:
  ResponseWriterTest() {
    response_.head.headers.add("Date", date);
    request_.te_trailers = false;
  }

  // What the client got; `complete_` and `outcome_` tell the rest.
  std::string written(bool keep = true) {
    std::string got;
    Loop loop;
    run_on(loop, [&]() -> Task<> {
      Wire wire = co_await Wire::connect(loop);
      ResponseWriter writer(*wire.near, 5s);
      complete_ = co_await write(writer, keep, exchange_);
      wire.near->close();
      got = co_await wire.peer->hear_all();
    });
    return got;
  }
  Task<bool> write(ResponseWriter& writer, bool keep, Exchange& exchange) {
    const Delimit delimited = delimit(request_, response_);
    switch (writer.begin(request_, response_, delimited, keep, exchange, outcome_)) {
      case ResponseWriter::Begun::finished:
        co_return true;
      case ResponseWriter::Begun::failed:
        co_return false;
      case ResponseWriter::Begun::more:
        break;
    }
    co_return co_await writer.rest(request_, response_, delimited, exchange, outcome_);
  }
  std::string head(const std::string& line, const std::string& rest) {
    return "HTTP/1.1 " + line + "\r\nDate: " + date + "\r\n" + rest + "\r\n";
  }

  ConnectionInfo connection_;
  RequestHead request_;
  Response response_;
  Exchange exchange_{connection_, TimePoint{}};
  Outcome outcome_;
  bool complete_ = false;
};

TEST_F(ResponseWriterTest, HowContentIsDelimited) {
  Pieces unknown({"x"});
  Pieces known({"x"});
  known.said_length = 1;
  struct Row {
    const char* name;
    Method method;
    Version version;
    int status;
    ResponseBody body;
    Delimit delimited;
  };
  const Row rows[] = {
      {"nothing", Method::get, Version::http11, 200, NoBody{}, Delimit::length},
      {"a text", Method::get, Version::http11, 200, "x", Delimit::length},
      {"a stream of known length", Method::get, Version::http11, 200, &known, Delimit::length},
      {"a stream", Method::get, Version::http11, 200, &unknown, Delimit::chunked},
      {"a stream to an old client", Method::get, Version::http10, 200, &unknown, Delimit::close},
      {"known length, old client", Method::get, Version::http10, 200, &known, Delimit::length},
      {"HEAD", Method::head, Version::http11, 200, &unknown, Delimit::no_content},
      {"204", Method::get, Version::http11, 204, &unknown, Delimit::no_content},
      {"304", Method::get, Version::http11, 304, "x", Delimit::no_content},
      {"101", Method::get, Version::http11, 101, NoBody{}, Delimit::no_content},
      {"205 has content of no length", Method::get, Version::http11, 205, NoBody{},
       Delimit::length},
  };
  for (const Row& row : rows) {
    RequestHead request;
    request.method = row.method;
    request.version = row.version;
    Response response;
    response.head.status = row.status;
    response.body = row.body;
    EXPECT_EQ(delimit(request, response), row.delimited) << row.name;
  }
}

TEST_F(ResponseWriterTest, AnswersWithoutAStream) {
  struct Row {
    const char* name;
    Method method;
    Version version;
    int status;
    ResponseBody body;
    bool keep;
    std::string expected;
  };
  const Row rows[] = {
      {"a text", Method::get, Version::http11, 200, "hello", true,
       head("200 OK", "Content-Length: 5\r\n") + "hello"},
      {"the last one", Method::get, Version::http11, 200, "hello", false,
       head("200 OK", "Content-Length: 5\r\nConnection: close\r\n") + "hello"},
      {"an old client that stays", Method::get, Version::http10, 200, "hello", true,
       head("200 OK", "Content-Length: 5\r\nConnection: keep-alive\r\n") + "hello"},
      {"nothing", Method::get, Version::http11, 404, NoBody{}, true,
       head("404 Not Found", "Content-Length: 0\r\n")},
      {"HEAD tells the length", Method::head, Version::http11, 200, "hello", true,
       head("200 OK", "Content-Length: 5\r\n")},
      {"204 has none", Method::get, Version::http11, 204, NoBody{}, true,
       head("204 No Content", "")},
      {"304 has no content", Method::get, Version::http11, 304, NoBody{}, true,
       head("304 Not Modified", "")},
      {"101", Method::get, Version::http11, 101, NoBody{}, true,
       head("101 Switching Protocols", "Connection: Upgrade\r\n")},
  };
  for (const Row& row : rows) {
    request_.method = row.method;
    request_.version = row.version;
    response_.head.status = row.status;
    response_.body = row.body;
    EXPECT_EQ(written(row.keep), row.expected) << row.name;
    EXPECT_TRUE(complete_) << row.name;
  }
}

TEST_F(ResponseWriterTest, ToHeadTheUpstreamsLengthIsPassedOn) {
  request_.method = Method::head;
  response_.head.headers.add("Content-Length", "1234");
  Pieces none({});
  response_.body = &none;
  EXPECT_EQ(written(), head("200 OK", "Content-Length: 1234\r\n"));
}

TEST_F(ResponseWriterTest, StreamsAsTheyAreDelimited) {
  struct Row {
    const char* name;
    Version version;
    std::optional<std::uint64_t> length;
    std::string expected;
  };
  const Row rows[] = {
      {"chunks", Version::http11, std::nullopt,
       head("200 OK", "Transfer-Encoding: chunked\r\n") +
           "5\r\nhello\r\n11\r\n, wonderful world\r\n0\r\n\r\n"},
      {"a length", Version::http11, 22,
       head("200 OK", "Content-Length: 22\r\n") + "hello, wonderful world"},
      {"until close", Version::http10, std::nullopt,
       head("200 OK", "Connection: keep-alive\r\n") + "hello, wonderful world"},
  };
  for (const Row& row : rows) {
    for (std::size_t ready = 0; ready <= 2; ++ready) {
      SCOPED_TRACE(row.name);
      Pieces body({"hello", ", wonderful world"}, ready);
      body.said_length = row.length;
      request_.version = row.version;
      response_.body = &body;
      const std::uint64_t before = exchange_.record.bytes_out();
      EXPECT_EQ(written(), row.expected);
      EXPECT_TRUE(complete_);
      EXPECT_EQ(exchange_.record.bytes_out() - before, 22u);
    }
  }
}

TEST_F(ResponseWriterTest, AStreamOfNothing) {
  Pieces body({});
  response_.body = &body;
  EXPECT_EQ(written(), head("200 OK", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n");
  EXPECT_TRUE(complete_);
}

TEST_F(ResponseWriterTest, TrailersGoToWhoAskedForThem) {
  for (const bool asked : {false, true}) {
    Pieces body({"x"});
    body.trailer_fields.add("X-Sum", "7");
    body.trailer_fields.add("Content-Length", "9");
    request_.te_trailers = asked;
    response_.body = &body;
    EXPECT_EQ(written(), head("200 OK", "Transfer-Encoding: chunked\r\n") + "1\r\nx\r\n0\r\n" +
                             (asked ? "X-Sum: 7\r\n" : "") + "\r\n");
  }
}

TEST_F(ResponseWriterTest, ContentThatFailsIsNotEnded) {
  for (const std::size_t ready : {0u, 1u}) {
    Pieces body({"hello"}, ready);
    body.fails_with = Reason::upstream_incomplete;
    response_.body = &body;
    outcome_ = {};
    EXPECT_EQ(written(), head("200 OK", "Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n");
    EXPECT_FALSE(complete_);
    EXPECT_EQ(outcome_.reason, Reason::upstream_incomplete);
    EXPECT_FALSE(exchange_.scope.cancelled());
  }
}

TEST_F(ResponseWriterTest, AClientThatDoesNotReadIsGivenUp) {
  const std::string much(16'000'000, 'x');
  Pieces stream({much});
  const ResponseBody bodies[] = {much, &stream};
  for (const ResponseBody& body : bodies) {
    SCOPED_TRACE(body.index());
    Exchange exchange(connection_, TimePoint{});
    response_.body = body;
    Loop loop;
    run_on(loop, [&]() -> Task<> {
      Wire wire = co_await Wire::connect(loop);
      ResponseWriter writer(*wire.near, 30ms);
      EXPECT_FALSE(co_await write(writer, true, exchange));
    });
    EXPECT_EQ(exchange.scope.reason(), Reason::client_timeout);
  }
}

TEST_F(ResponseWriterTest, AClientThatLeftCancels) {
  response_.body = "hello";
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    Wire wire = co_await Wire::connect(loop);
    wire.peer->reset();
    EXPECT_TRUE(co_await until(loop, [&] { return wire.near->broken(); }));
    ResponseWriter writer(*wire.near, 5s);
    EXPECT_FALSE(co_await write(writer, true, exchange_));
  });
  EXPECT_EQ(exchange_.scope.reason(), Reason::client_closed);
}

TEST_F(ResponseWriterTest, AnswersWithoutADateGetOne) {
  response_.head.headers.clear();
  response_.body = NoBody{};
  const std::string got = written();
  EXPECT_TRUE(got.starts_with("HTTP/1.1 200 OK\r\nDate: ")) << got;
  EXPECT_TRUE(got.ends_with(" GMT\r\nContent-Length: 0\r\n\r\n")) << got;
}

TEST_F(ResponseWriterTest, InterimAnswersAreHeadsAlone) {
  std::string got;
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    Wire wire = co_await Wire::connect(loop);
    ResponseWriter writer(*wire.near, 5s);
    ResponseHead hints;
    hints.status = 103;
    hints.headers.add("Link", "</a>");
    EXPECT_TRUE(co_await writer.write_interim(hints));
    wire.near->close();
    got = co_await wire.peer->hear_all();
  });
  EXPECT_EQ(got, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
}

}  // namespace
}  // namespace weir::codec::h1
