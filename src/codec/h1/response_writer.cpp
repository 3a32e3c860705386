#include "codec/h1/response_writer.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>
#include <utility>

#include "codec/h1/chunk_line.hpp"
#include "weir/http/date.hpp"
#include "weir/net/pieces.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::codec::h1 {
namespace {

using net::piece;

void write_head(HeadWriter& out, const RequestHead& request, const Response& response,
                Delimit delimited, bool keep) {
  const HeaderMap& headers = response.head.headers;
  const int status = response.head.status;
  write_status_line(out, status, response.head.phrase);
  out.fields(headers);
  if (!headers.contains(FieldId::date)) out.field("Date", http_date(std::time(nullptr)));
  if (delimited == Delimit::chunked) {
    out.append("Transfer-Encoding: chunked\r\n");
  } else if (delimited == Delimit::length) {
    const auto* stream = std::get_if<BodyStream*>(&response.body);
    const auto* text = std::get_if<std::string>(&response.body);
    out.append("Content-Length: ");
    out.append(stream != nullptr ? (*stream)->length().value_or(0)
               : text != nullptr ? text->size()
                                 : 0);
    out.append("\r\n");
  } else if (delimited == Delimit::no_content && status >= 200 && status != 204) {
    // What a GET would have been told: the upstream's own word, or the length of our answer.
    if (const auto length = headers.get(FieldId::content_length)) {
      out.field("Content-Length", *length);
    } else if (const auto* text = std::get_if<std::string>(&response.body)) {
      out.append("Content-Length: ");
      out.append(text->size());
      out.append("\r\n");
    }
  }
  if (status == 101) {
    out.append("Connection: Upgrade\r\n");
  } else if (!keep) {
    out.append("Connection: close\r\n");
  } else if (request.version == Version::http10) {
    out.append("Connection: keep-alive\r\n");
  }
  out.append("\r\n");
}

}  // namespace

Delimit delimit(const RequestHead& request, const Response& response) noexcept {
  const int status = response.head.status;
  if (request.method == Method::head || status == 204 || status == 304 || status < 200) {
    return Delimit::no_content;
  }
  if (auto* stream = std::get_if<BodyStream*>(&response.body)) {
    if ((*stream)->length()) return Delimit::length;
    return request.version == Version::http10 ? Delimit::close : Delimit::chunked;
  }
  return Delimit::length;
}

// The pieces of one write.
class ResponseWriter::Framed {
 public:
  Framed(Bytes content, const BodyStream* body, Delimit delimited, bool te_trailers,
         BufferPool& pool)
      : line_(content.size()) {
    const bool chunked = delimited == Delimit::chunked;
    if (!content.empty()) {
      if (chunked) add(piece(line_.text()));
      add({const_cast<std::byte*>(content.data()), content.size()});
      if (chunked) add(piece("\r\n"));
    }
    last_ = body == nullptr || body->complete();
    if (!last_ || !chunked) return;
    if (te_trailers && !body->trailers().empty()) {
      trailers_.emplace(pool);
      trailers_->append("0\r\n");
      trailers_->fields(body->trailers());
      trailers_->append("\r\n");
      add(piece(trailers_->text()));
    } else {
      add(piece("0\r\n\r\n"));
    }
  }

  void put_before(std::string_view head) { pieces_[0] = piece(head), first_ = 0; }
  std::span<iovec> pieces() noexcept { return std::span(pieces_).subspan(first_, end_ - first_); }
  bool last() const noexcept { return last_; }

 private:
  void add(iovec one) noexcept { pieces_[end_++] = one; }

  ChunkLine line_;
  std::optional<HeadWriter> trailers_;
  std::array<iovec, 6> pieces_;
  std::size_t first_ = 1;  // 0 is the head's
  std::size_t end_ = 1;
  bool last_ = false;
};

ResponseWriter::Begun ResponseWriter::begin(const RequestHead& request, const Response& response,
                                            Delimit delimited, bool keep, Exchange& exchange,
                                            Outcome& outcome) {
  HeadWriter::Scratch scratch;
  HeadWriter head(loop_.buffers(), scratch);
  write_head(head, request, response, delimited, keep);
  Bytes content;
  BodyStream* body = nullptr;
  if (delimited != Delimit::no_content) {
    if (auto* stream = std::get_if<BodyStream*>(&response.body)) {
      body = *stream;
      content = body->read_ready();
    } else if (auto* text = std::get_if<std::string>(&response.body)) {
      content = as_bytes(*text);
    }
  }
  Framed framed(content, body, delimited, request.te_trailers, loop_.buffers());
  framed.put_before(head.text());
  whole_ = framed.last();
  Progress progress(idle_timeout_);
  const net::Io sent = try_send(framed.pieces(), progress);
  if (sent == net::Io::error) {
    exchange.scope.cancel(Reason::client_closed);
    return Begun::failed;
  }
  outcome.head_sent = exchange.clock.last_activity = loop_.now();
  exchange.record.add_bytes_out(content.size());
  waits_ = sent == net::Io::would_block;
  if (sent == net::Io::ok) return whole_ ? Begun::finished : Begun::more;
  // A slow client: what it did not take outlives the blocks it stands in.
  for (const iovec& one : unsent_)
    left_.append(static_cast<const char*>(one.iov_base), one.iov_len);
  return Begun::more;
}

Task<bool> ResponseWriter::rest(const RequestHead& request, const Response& response,
                                Delimit delimited, Exchange& exchange, Outcome& outcome) {
  Progress progress(idle_timeout_);
  const Deadline end = exchange.clock.hard_deadline;
  const auto failed = [&](net::Io io) {
    if (io == net::Io::timeout && loop_.now() >= end) {
      outcome.reason = Reason::request_timeout;
      return false;
    }
    exchange.scope.cancel(io == net::Io::timeout ? Reason::client_timeout : Reason::client_closed);
    return false;
  };
  // What is sealed and not sent yet leaves nothing in left_, but a close would lose it.
  if (std::exchange(waits_, false)) {
    const std::string left = std::exchange(left_, {});
    std::array<iovec, 1> pieces{piece(left)};
    const net::Io sent = co_await send(pieces, progress, end);
    if (sent != net::Io::ok) co_return failed(sent);
    exchange.clock.last_activity = loop_.now();
  }
  if (whole_) co_return true;
  BodyStream& body = *std::get<BodyStream*>(response.body);
  net::TurnTaking turns(loop_);
  while (true) {
    Bytes content = body.read_ready();
    if (content.empty() && !body.complete()) {
      const auto next = co_await body.read();
      if (!next) {
        outcome.reason = next.error().reason;
        exchange.record.tell_detail(next.error().detail);
        co_return false;
      }
      content = *next;
    }
    Framed framed(content, &body, delimited, request.te_trailers, loop_.buffers());
    if (!framed.pieces().empty()) {
      net::Io sent = try_send(framed.pieces(), progress);
      if (sent == net::Io::would_block) sent = co_await send(unsent_, progress, end);
      if (sent != net::Io::ok) co_return failed(sent);
      exchange.clock.last_activity = loop_.now();
      exchange.record.add_bytes_out(content.size());
    }
    if (framed.last()) co_return true;
    if (loop_.now() >= end) co_return failed(net::Io::timeout);
    if (turns.moved(content.size())) co_await turns.yield();
  }
}

Task<bool> ResponseWriter::write_interim(const ResponseHead& head) {
  HeadWriter out(loop_.buffers());
  write_status_line(out, head.status, head.phrase);
  out.fields(head.headers);
  out.append("\r\n");
  std::array<iovec, 1> pieces{piece(out.text())};
  Progress progress(idle_timeout_);
  co_return co_await send(pieces, progress, no_deadline) == net::Io::ok;
}

net::Io ResponseWriter::try_send(std::span<iovec> pieces, Progress& progress) noexcept {
  const net::IoResult result = stream_.try_write(pieces);
  progress.moved(result.bytes);
  if (result.status != net::Io::would_block) return result.status;
  unsent_ = net::without_first(pieces, result.bytes);
  return net::Io::would_block;
}

Task<net::Io> ResponseWriter::send(std::span<iovec> pieces, Progress& progress, Deadline end) {
  while (true) {
    const net::Io status = try_send(pieces, progress);
    if (status != net::Io::would_block) co_return status;
    pieces = unsent_;
    const TimePoint from = loop_.now();
    const net::Io ready = co_await stream_.wait_writable(std::min(progress.deadline(from), end));
    progress.waited(loop_.now() - from);
    if (ready != net::Io::ok) co_return ready;
  }
}

}  // namespace weir::codec::h1
