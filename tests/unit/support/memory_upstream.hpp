// An upstream that is memory: it answers each request when its content has come, with 200 and
// `content`, and keeps the connection; or each is a WebSocket, on which it says "hello" and ends
// when the client has ended. The loop's thread alone.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "codec/h2/frames.hpp"
#include "net/memory_transport.hpp"
#include "weir/codec/websocket.hpp"

namespace weir::test {

enum class Spoken : std::uint8_t { http1, h2 };

inline std::string_view name_of(Spoken spoken) { return spoken == Spoken::h2 ? "h2" : "http1"; }

class MemoryUpstream {
 public:
  explicit MemoryUpstream(Spoken spoken, bool tunnels = false)
      : spoken_(spoken), tunnels_(tunnels) {}
  Spoken spoken() const noexcept { return spoken_; }

  // The far end of one more connection. This outlives it.
  std::shared_ptr<net::FarEnd> connection(net::Reactor& reactor) {
    auto far = std::make_shared<net::FarEnd>(reactor, faults);
    net::FarEnd& end = *far;
    if (make_seal) end.speak_through(make_seal());
    if (spoken_ == Spoken::h2) {
      // Extended CONNECT (RFC 8441): setting 8 is 1.
      end.say(h2::frame(h2::settings, 0, 0,
                        tunnels_ ? std::string("\0\x8", 2) + h2::number(1) : std::string()));
      end.on_change = [this, &end, at = h2::preface.size()]() mutable { talk_h2(end, at); };
    } else {
      end.on_change = [this, &end, at = std::size_t{0}]() mutable { talk_http1(end, at); };
    }
    return far;
  }

  std::string content = "done";   // of an answer; fits into a window of HTTP/2
  net::Faults faults;             // of connections from now on
  std::function<void()> on_head;  // a request's head has come
  // What connections speak through; null: nothing.
  std::function<std::unique_ptr<net::FarSeal>()> make_seal;
  unsigned dead = 0;     // so many requests are met by the connection's end
  unsigned refused = 0;  // so many streams are refused unread

 private:
  static constexpr std::size_t most_in_frame = 16 * 1024;

  // `at`: what was seen to by now.
  void talk_http1(net::FarEnd& far, std::size_t& at) {
    if (tunnels_) return tunnel_http1(far, at);
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
    far.say("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(content.size()) + "\r\n\r\n" +
            content);
  }
  static void tunnel_http1(net::FarEnd& far, std::size_t& at) {
    const std::size_t head = far.heard().find("\r\n\r\n");
    if (head != std::string::npos && at == 0) {
      at = head;
      far.say(handshake(far.heard().substr(0, head)) + "hello");
    }
    if (far.near_finished()) far.finish();
  }
  static std::string handshake(std::string_view request) {
    constexpr std::string_view name = "sec-websocket-key: ";
    std::string lower(request);
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    const std::size_t at = lower.find(name);
    if (at == std::string::npos) return "HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\n";
    std::string_view key = request.substr(at + name.size());
    key = key.substr(0, key.find('\r'));
    return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Accept: " +
           codec::websocket_accept(key) + "\r\n\r\n";
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
      if (tunnels_ && frame->type == h2::headers) {
        out += h2::frame(h2::headers, h2::end_headers, frame->stream, "\x88");
        out += h2::frame(h2::data, 0, frame->stream, "hello");
      }
      if (!frame->ends_stream()) continue;
      if (tunnels_) {
        out += h2::frame(h2::data, h2::end_stream, frame->stream);
        continue;
      }
      out += h2::frame(h2::headers, h2::end_headers, frame->stream, "\x88");
      for (std::string_view more = content; !more.empty();) {
        const std::string_view piece = more.substr(0, most_in_frame);
        more.remove_prefix(piece.size());
        out += h2::frame(h2::data, more.empty() ? h2::end_stream : 0, frame->stream, piece);
      }
    }
    at += before - left.size();
    if (!out.empty()) far.say(out);
  }

  const Spoken spoken_;
  const bool tunnels_;
};

}  // namespace weir::test
