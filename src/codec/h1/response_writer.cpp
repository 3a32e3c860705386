#include "codec/h1/response_writer.hpp"

#include <array>
#include <ctime>
#include <optional>

#include "codec/h1/chunk_line.hpp"
#include "weir/http/date.hpp"

namespace weir::codec::h1 {
namespace {

iovec piece(std::string_view text) noexcept {
  return {const_cast<char*>(text.data()), text.size()};
}

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

Task<bool> ResponseWriter::write(const RequestHead& request, Response& response, Delimit delimited,
                                 bool keep, Exchange& exchange, Outcome& outcome) {
  Progress progress(idle_timeout_);
  HeadWriter head(loop_.buffers());
  write_head(head, request, response, delimited, keep);
  if (auto* stream = std::get_if<BodyStream*>(&response.body);
      stream != nullptr && delimited != Delimit::no_content) {
    co_return co_await write_stream(head, **stream, delimited, request.te_trailers, exchange,
                                    progress, outcome);
  }
  std::array<iovec, 2> pieces{piece(head.text())};
  std::size_t count = 1;
  if (auto* text = std::get_if<std::string>(&response.body);
      text != nullptr && delimited == Delimit::length && !text->empty()) {
    pieces[count++] = piece(*text);
    exchange.bytes_out += text->size();
  }
  const bool complete = co_await send(std::span(pieces).first(count), progress) == net::Io::ok;
  outcome.head_sent = loop_.now();
  if (!complete) exchange.cancel(Reason::client_closed);
  co_return complete;
}

Task<bool> ResponseWriter::write_interim(const ResponseHead& head) {
  HeadWriter out(loop_.buffers());
  write_status_line(out, head.status, head.phrase);
  out.fields(head.headers);
  out.append("\r\n");
  std::array<iovec, 1> pieces{piece(out.text())};
  Progress progress(idle_timeout_);
  co_return co_await send(pieces, progress) == net::Io::ok;
}

Task<bool> ResponseWriter::write_stream(HeadWriter& head, BodyStream& body, Delimit delimited,
                                        bool te_trailers, Exchange& exchange, Progress& progress,
                                        Outcome& outcome) {
  Bytes content = body.read_ready();
  std::string_view before = head.text();
  while (true) {
    const ChunkLine line(content.size());
    std::array<iovec, 5> pieces;
    std::size_t count = 0;
    if (!before.empty()) pieces[count++] = piece(before);
    if (!content.empty()) {
      if (delimited == Delimit::chunked) pieces[count++] = piece(line.text());
      pieces[count++] = {const_cast<std::byte*>(content.data()), content.size()};
      if (delimited == Delimit::chunked) pieces[count++] = piece("\r\n");
    }
    const bool last = body.complete();
    std::optional<HeadWriter> trailers;
    if (last && delimited == Delimit::chunked) {
      if (te_trailers && !body.trailers().empty()) {
        trailers.emplace(loop_.buffers());
        trailers->append("0\r\n");
        trailers->fields(body.trailers());
        trailers->append("\r\n");
        pieces[count++] = piece(trailers->text());
      } else {
        pieces[count++] = piece("0\r\n\r\n");
      }
    }
    if (count != 0) {
      net::Io sent = try_send(std::span(pieces).first(count), progress);
      if (sent == net::Io::would_block) sent = co_await send(unsent_, progress);
      if (sent != net::Io::ok) {
        exchange.cancel(sent == net::Io::timeout ? Reason::client_timeout : Reason::client_closed);
        co_return false;
      }
      exchange.last_activity = loop_.now();
      if (!before.empty()) outcome.head_sent = loop_.now();
      exchange.bytes_out += content.size();
      before = {};
    }
    if (last) co_return true;
    content = body.read_ready();
    if (!content.empty() || body.complete()) continue;
    const auto next = co_await body.read();
    if (!next) {
      outcome.reason = next.error().reason;
      co_return false;
    }
    content = *next;
  }
}

net::Io ResponseWriter::try_send(std::span<iovec> pieces, Progress& progress) noexcept {
  const net::IoResult result = stream_.try_write(pieces);
  progress.moved(result.bytes);
  if (result.status != net::Io::would_block) return result.status;
  std::size_t done = result.bytes;
  while (!pieces.empty() && done >= pieces.front().iov_len) {
    done -= pieces.front().iov_len;
    pieces = pieces.subspan(1);
  }
  if (done != 0) {
    pieces.front().iov_base = static_cast<std::byte*>(pieces.front().iov_base) + done;
    pieces.front().iov_len -= done;
  }
  unsent_ = pieces;
  return net::Io::would_block;
}

Task<net::Io> ResponseWriter::send(std::span<iovec> pieces, Progress& progress) {
  while (true) {
    const net::Io status = try_send(pieces, progress);
    if (status != net::Io::would_block) co_return status;
    pieces = unsent_;
    const TimePoint from = loop_.now();
    const net::Io ready = co_await stream_.wait_writable(progress.deadline(from));
    progress.waited(loop_.now() - from);
    if (ready != net::Io::ok) co_return ready;
  }
}

}  // namespace weir::codec::h1
