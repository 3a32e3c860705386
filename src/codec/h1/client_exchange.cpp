#include "weir/codec/h1/client_exchange.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "codec/h1/chunk_line.hpp"
#include "codec/h1/content_reader.hpp"
#include "codec/h1/head_parser.hpp"
#include "codec/h1/head_writer.hpp"
#include "codec/h1/input.hpp"
#include "codec/h1/socket_bytes.hpp"
#include "weir/net/pieces.hpp"
#include "weir/net/tls_session.hpp"

namespace weir::codec::h1 {
namespace {

using net::piece;

class Client final : public ClientExchange, public Cached {
 public:
  Client(net::Stream& stream, TransferClock& clock, const CancelScope& scope, Owner& owner,
         Method method, std::size_t header_size, config::Lenient lenient)
      : stream_(stream),
        loop_(stream.loop()),
        clock_(clock),
        scope_(scope),
        owner_(owner),
        limits_{.header_size = header_size, .header_count = 1000, .bare_lf = lenient.bare_lf},
        method_(method),
        parser_(limits_, method),
        input_(stream),
        tunnel_(input_, clock),
        content_(lenient) {}

  Result<bool> send_head(const RequestHead& head, Bytes first, bool last) override {
    HeadWriter::Scratch scratch;
    HeadWriter out(loop_.buffers(), scratch);
    write_request_line(out, head);
    out.fields(head.headers);
    chunked_out_ = head.framing == Framing::chunked;
    if (chunked_out_) {
      out.append("Transfer-Encoding: chunked\r\n");
    } else if (head.framing == Framing::length) {
      out.append("Content-Length: ");
      out.append(head.content_length);
      out.append("\r\n");
    }
    if (head.upgrade_websocket) {
      out.append("Connection: Upgrade\r\n");
    } else if (head.te_trailers) {
      out.append("Connection: TE\r\n");
    }
    out.append("\r\n");

    const ChunkLine line(first.size());
    std::array<iovec, 5> pieces{piece(out.text())};
    std::size_t count = 1;
    if (!first.empty()) {
      if (chunked_out_) pieces[count++] = piece(line.text());
      pieces[count++] = piece(first);
      if (chunked_out_) pieces[count++] = piece("\r\n");
    }
    if (last && chunked_out_) pieces[count++] = piece("0\r\n\r\n");
    const net::IoResult result = stream_.try_write(std::span(pieces).first(count));
    // Under TLS a part may have gone before.
    unsent_ = result.status == net::Io::error && result.bytes == 0 && stream_.tls() == nullptr;
    if (result.status == net::Io::error) return std::unexpected(sent(result.status).error());
    if (result.status == net::Io::ok) return true;
    std::size_t done = result.bytes;
    for (const iovec& one : std::span(pieces).first(count)) {
      const std::size_t skip = std::min(done, one.iov_len);
      done -= skip;
      left_.append(static_cast<const char*>(one.iov_base) + skip, one.iov_len - skip);
    }
    return false;
  }

  Task<Result<>> flush() override {
    const std::string left = std::exchange(left_, {});
    std::array<iovec, 1> pieces{piece(left)};
    const net::Io status = co_await stream_.write_all(pieces, Duration::zero());
    co_return sent(status);
  }

  Task<Result<>> send_content(Bytes content) override {
    const ChunkLine line(content.size());
    std::array<iovec, 3> pieces;
    std::size_t count = 0;
    if (chunked_out_) pieces[count++] = piece(line.text());
    pieces[count++] = piece(content);
    if (chunked_out_) pieces[count++] = piece("\r\n");
    const net::Io status =
        co_await stream_.write_all(std::span(pieces).first(count), Duration::zero());
    clock_.last_activity = loop_.now();
    co_return sent(status);
  }

  Task<Result<>> send_end(const HeaderMap& trailers) override {
    if (!chunked_out_) co_return Result<>{};
    HeadWriter out(loop_.buffers());
    out.append("0\r\n");
    out.fields(trailers);
    out.append("\r\n");
    std::array<iovec, 1> pieces{piece(out.text())};
    const net::Io status = co_await stream_.write_all(pieces, Duration::zero());
    co_return sent(status);
  }

  Result<bool> take_head(ResponseHead& head) override {
    while (true) {
      if (!input_.empty()) {
        const auto consumed = parser_.parse(input_.bytes(), head);
        if (!consumed) {
          return fail(consumed.error().reason, Side::upstream, consumed.error().detail);
        }
        if (*consumed != 0) {
          input_.consume(*consumed);
          bare_lf_ = bare_lf_ || parser_.had_bare_lf();
          if (head.status >= 200) {
            begin_content(head);
          } else {
            parser_ = ResponseHeadParser(limits_, method_);
          }
          return true;
        }
      }
      switch (
          input_.fill(stream_.long_messages() ? BufferPool::large_size : BufferPool::small_size)) {
        case net::Io::ok:
          touched_ = true;
          continue;
        case net::Io::would_block:
          if (input_.empty()) input_.release();
          return false;
        default:
          if (!touched_ && stream_.tls() != nullptr && stream_.tls()->alerted()) {
            return fail(Reason::upstream_tls_failed, Side::upstream, stream_.tls()->failure());
          }
          return fail(Reason::upstream_reset, Side::upstream,
                      touched_ ? "closed in the middle of a head" : "closed without an answer");
      }
    }
  }

  Task<net::Io> wait_more(Deadline until) override {
    co_return co_await stream_.wait_readable(until);
  }
  bool untouched() const noexcept override { return !touched_; }
  bool unsent() const noexcept override { return unsent_; }
  config::Lenient forgiven() const noexcept override {
    config::Lenient out = content_.forgiven();
    out.bare_lf = out.bare_lf || bare_lf_;
    return out;
  }
  std::uint64_t content_bytes() const noexcept override { return taken_; }
  ByteStream& bytes() noexcept override { return tunnel_; }
  void cancel() noexcept override { stream_.cancel(); }

  Task<Result<Bytes>> read() override {
    while (true) {
      const Bytes content = take();
      if (!content.empty()) co_return content;
      if (ended_) {
        if (failure_.reason != Reason::none) co_return std::unexpected(failure_);
        co_return Bytes{};
      }
      net::Io status = input_.fill(content_.wanted_block(input_));
      if (status == net::Io::would_block) {
        if (input_.empty()) input_.release();
        status = co_await stream_.wait_readable(clock_.idle_deadline());
        // The upload beside it, or the client's reading, may have moved bytes meanwhile.
        if (status == net::Io::timeout && loop_.now() < clock_.idle_deadline()) continue;
      }
      after_fill(status);
    }
  }

  Bytes read_ready() noexcept override {
    Bytes content = take();
    if (!content.empty() || ended_) return content;
    net::Io status = net::Io::would_block;
    try {
      status = input_.fill(content_.wanted_block(input_));
    } catch (const std::bad_alloc&) {
      return {};  // read() finds the same, and may throw
    }
    if (status == net::Io::would_block) {
      if (input_.empty()) input_.release();
      return {};
    }
    // An end or a failure is told by complete() and read().
    after_fill(status);
    return status == net::Io::ok ? take() : Bytes{};
  }

  bool complete() const noexcept override {
    return ended_ && content_.ended() && failure_.reason == Reason::none;
  }
  const HeaderMap& trailers() const noexcept override { return content_.trailers(); }
  HeaderMap& received_trailers() noexcept override { return content_.trailers(); }
  std::optional<std::uint64_t> length() const noexcept override { return content_.length(); }

  void abort(Reason reason) noexcept override {
    if (ended_) return;
    failure_ = {reason, Side::internal, {}};
    end(false);
    stream_.cancel();
  }

 private:
  Result<> sent(net::Io status) const {
    if (status == net::Io::ok) return {};
    if (status == net::Io::cancelled) return fail(scope_.reason(), Side::internal);
    return fail(Reason::upstream_reset, Side::upstream, "closed while the request was sent");
  }

  void begin_content(const ResponseHead& head) {
    keep_alive_ = head.keep_alive;
    if (head.status == 101) return;
    content_.begin(head.framing, head.content_length);
    // Where the length is not known, by what came with the head.
    stream_.note_long_message(head.framing == Framing::length
                                  ? head.content_length > BufferPool::small_size
                                  : input_.bytes().size() > BufferPool::small_size / 2);
    if (content_.ended()) end(keep_alive_ && input_.empty());
  }

  // The next piece of what has come; ends with the last one.
  Bytes take() noexcept {
    if (failure_.reason != Reason::none) return {};
    if (ended_) {
      // Who asks again behind the last piece has done with it.
      if (content_.ended() && input_.empty()) input_.release();
      return {};
    }
    const Bytes piece = content_.take(input_);
    if (content_.failed()) lose(Reason::upstream_incomplete, content_.failure());
    if (content_.ended()) end(keep_alive_ && input_.empty());
    if (!piece.empty()) clock_.last_activity = loop_.now();
    taken_ += piece.size();
    return piece;
  }

  void after_fill(net::Io status) noexcept {
    switch (status) {
      case net::Io::ok:
      case net::Io::would_block:
        return;
      case net::Io::eof:
        if (content_.end_of_input()) {
          end(false);
        } else {
          lose(Reason::upstream_incomplete, "closed in the middle of the content");
        }
        return;
      case net::Io::error:
        return lose(Reason::upstream_incomplete, "reset in the middle of the content");
      case net::Io::timeout:
        return lose(Reason::request_timeout, "no data for too long");
      case net::Io::cancelled:
        return lose(scope_.reason(), {});
    }
  }

  void lose(Reason reason, std::string_view detail) noexcept {
    if (failure_.reason == Reason::none) failure_ = error_of(reason, Side::upstream, detail);
    end(false);
  }

  void end(bool reusable) noexcept {
    if (std::exchange(ended_, true)) return;
    owner_.answer_ended(reusable);
  }

  net::Stream& stream_;  // not to be touched once the answer ended: it may be another's by then
  net::Loop& loop_;
  TransferClock& clock_;
  const CancelScope& scope_;
  Owner& owner_;
  const HeadLimits limits_;
  const Method method_;
  ResponseHeadParser parser_;
  Input input_;
  SocketBytes tunnel_;
  ContentReader content_;
  std::uint64_t taken_ = 0;  // bytes of content
  bool chunked_out_ = false;
  std::string left_;  // of the head and the first content, where the upstream took less
  bool keep_alive_ = false;
  bool touched_ = false;
  bool unsent_ = false;
  bool bare_lf_ = false;  // in a head
  bool ended_ = false;
  Error failure_{Reason::none, Side::upstream, {}};
};

}  // namespace

std::unique_ptr<ClientExchange> make_client_exchange(net::Stream& stream, TransferClock& clock,
                                                     const CancelScope& scope,
                                                     ClientExchange::Owner& owner, Method method,
                                                     std::size_t header_size,
                                                     config::Lenient lenient) {
  return std::make_unique<Client>(stream, clock, scope, owner, method, header_size, lenient);
}

}  // namespace weir::codec::h1
