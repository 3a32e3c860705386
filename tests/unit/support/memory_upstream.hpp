// An upstream that is memory: it answers each request when its content has come, with 200 and
// "done", and keeps the connection. The loop's thread alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "codec/h2/frames.hpp"
#include "net/memory_transport.hpp"

namespace weir::test {

enum class Spoken : std::uint8_t { http1, h2 };

inline std::string_view name_of(Spoken spoken) { return spoken == Spoken::h2 ? "h2" : "http1"; }

class MemoryUpstream {
 public:
  explicit MemoryUpstream(Spoken spoken) : spoken_(spoken) {}
  Spoken spoken() const noexcept { return spoken_; }

  // The far end of one more connection. This outlives it.
  std::shared_ptr<net::FarEnd> connection(net::Reactor& reactor) {
    auto far = std::make_shared<net::FarEnd>(reactor, faults);
    net::FarEnd& end = *far;
    if (spoken_ == Spoken::h2) {
      end.say(h2::frame(h2::settings, 0, 0));
      end.on_change = [this, &end, at = h2::preface.size()]() mutable { talk_h2(end, at); };
    } else {
      end.on_change = [this, &end, at = std::size_t{0}]() mutable { talk_http1(end, at); };
    }
    return far;
  }

  net::Faults faults;             // of connections from now on
  std::function<void()> on_head;  // a request's head has come
  unsigned dead = 0;              // so many requests are met by the connection's end
  unsigned refused = 0;           // so many streams are refused unread

 private:
  // `at`: what was seen to by now.
  void talk_http1(net::FarEnd& far, std::size_t& at) {
    const std::string_view left = std::string_view(far.heard()).substr(at);
    const std::size_t head = left.find("\r\n\r\n");
    if (head == std::string_view::npos) return;
    if (on_head) on_head();
    const bool chunked = left.substr(0, head).contains("chunked");
    const std::string_view last = chunked ? "0\r\n\r\n" : "\r\n\r\n";
    const std::size_t end = left.find(last);
    if (end == std::string_view::npos) return;
    at += end + last.size();
    if (dead != 0) {
      --dead;
      return far.finish();
    }
    far.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
  }
  void talk_h2(net::FarEnd& far, std::size_t& at) {
    if (far.heard().size() < at) return;
    std::string_view left = std::string_view(far.heard()).substr(at);
    const std::size_t before = left.size();
    std::string out;
    while (const auto frame = h2::take_frame(left)) {
      if (frame->type == h2::settings && (frame->flags & h2::ack) == 0) {
        out += h2::frame(h2::settings, h2::ack, 0);
      }
      if (frame->type == h2::headers) {
        if (on_head) on_head();
        if (refused != 0) {
          --refused;
          out += h2::frame(h2::rst_stream, 0, frame->stream, h2::number(7));
          continue;
        }
      }
      if (!frame->ends_stream()) continue;
      out += h2::frame(h2::headers, h2::end_headers, frame->stream, "\x88");
      out += h2::frame(h2::data, h2::end_stream, frame->stream, "done");
    }
    at += before - left.size();
    if (!out.empty()) far.say(out);
  }

  const Spoken spoken_;
};

}  // namespace weir::test
