#include "codec/h2/rest.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/sockets.hpp"

namespace weir::codec::h2 {
namespace {

nghttp2_nv nv(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

// A client by nghttp2 itself, which reads what the session says as strictly as any.
class Client {
 public:
  Client() {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks,
        [](nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_size,
           const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
          std::string line(reinterpret_cast<const char*>(name), name_size);
          line.append("=").append(reinterpret_cast<const char*>(value), value_size);
          static_cast<Client*>(user)->fields.push_back(line);
          return 0;
        });
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~Client() { nghttp2_session_del(session_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // What it wants to send, with a request.
  std::string ask() {
    const std::vector<nghttp2_nv> head{nv(":method", "GET"), nv(":scheme", "http"),
                                       nv(":authority", "a.test"), nv(":path", "/")};
    nghttp2_submit_request(session_, nullptr, head.data(), head.size(), nullptr, nullptr);
    return said();
  }
  std::string said() {
    std::string out;
    const std::uint8_t* bytes = nullptr;
    while (true) {
      const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
      if (size <= 0) return out;
      out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    }
  }
  bool hear(const std::string& bytes) {
    return nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                    bytes.size()) == static_cast<ssize_t>(bytes.size());
  }

  std::vector<std::string> fields;  // of all answers

 private:
  nghttp2_session* session_ = nullptr;
};

class RestTest : public testing::Test, private SessionEvents {
 protected:
  void SetUp() override {
    auto [near, far] = net::socket_pair();
    far_ = std::move(far);
    stream_ = std::make_unique<net::Stream>(loop_, near.release());
    SessionEvents& events = *this;
    session_ = std::make_unique<Session>(*stream_, events, SessionOptions{});
  }

  void feed(const std::string& bytes) {
    session_->feed({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()});
  }
  // What the session has to say.
  std::string said() {
    EXPECT_EQ(session_->flush(), net::Io::ok);
    char bytes[4096];
    const ssize_t got = ::recv(far_.fd(), bytes, sizeof bytes, MSG_DONTWAIT);
    return got > 0 ? std::string(bytes, static_cast<std::size_t>(got)) : std::string();
  }
  void exchange() {
    feed(client_.ask());
    ASSERT_TRUE(client_.hear(said()));
    feed(client_.said());
    ASSERT_TRUE(client_.hear(said()));
  }

  net::Loop loop_;
  net::Socket far_;
  std::unique_ptr<net::Stream> stream_;
  std::unique_ptr<Session> session_;
  Client client_;
  Rest rest_;

 private:
  bool on_frame_begins(const nghttp2_frame_hd&) override { return true; }
  void on_fields_begin(const nghttp2_frame&) override {}
  void on_field(const nghttp2_frame&, std::string_view, std::string_view) override {}
  void on_content(std::int32_t, Bytes) override {}
  void on_frame(const nghttp2_frame& frame) override {
    if (frame.hd.type == NGHTTP2_HEADERS) asked_ = frame.hd.stream_id;
  }
  void on_frame_written(const nghttp2_frame&) override {}
  void on_stream_closed(std::int32_t, std::uint32_t) override {}
  void after_events() override {
    if (asked_ == 0) return;
    const std::vector<nghttp2_nv> head{nv(":status", "200"), nv("server", "weir")};
    nghttp2_submit_response(session_->native(), asked_, head.data(), head.size(), nullptr);
    asked_ = 0;
  }

  std::int32_t asked_ = 0;
};

TEST_F(RestTest, ComesWithSilenceAndOnce) {
  const TimePoint start{};
  exchange();
  EXPECT_EQ(rest_.take(*session_, true, start, start), start + Rest::after);
  EXPECT_EQ(rest_.take(*session_, false, start, start), start + Rest::after);
  EXPECT_EQ(rest_.take(*session_, false, start, start + Rest::after), no_deadline);
  EXPECT_EQ(rest_.take(*session_, false, start, start + 2 * Rest::after), no_deadline);
  exchange();
  const TimePoint later = start + 3 * Rest::after;
  EXPECT_EQ(rest_.take(*session_, false, later, later), later + Rest::after);
}

TEST_F(RestTest, TakesNothingThatTheNextRequestNeeds) {
  for (int i = 0; i < 3; ++i) {
    exchange();
    session_->rest();
  }
  const std::vector<std::string> answer{":status=200", "server=weir"};
  ASSERT_EQ(client_.fields.size(), 6u);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(client_.fields[i], answer[i % 2]);
}

TEST_F(RestTest, WaitsForWhatIsToBeSent) {
  feed(client_.ask());
  ASSERT_TRUE(session_->writing());
  session_->rest();
  ASSERT_TRUE(client_.hear(said()));
  EXPECT_EQ(client_.fields.size(), 2u);
}

}  // namespace
}  // namespace weir::codec::h2
