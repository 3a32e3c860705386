// Writes answers to an HTTP/1 client: status line, fields, content as it is pulled, each stall of
// the client bounded. Head and content that is there already go out in one call. Owned by the
// server connection, worker thread only.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "codec/h1/head_writer.hpp"
#include "weir/codec/progress.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/net/stream.hpp"

namespace weir::codec::h1 {

// How an answer's content is delimited on the way to the client.
enum class Delimit : std::uint8_t { no_content, length, chunked, close };
Delimit delimit(const RequestHead& request, const Response& response) noexcept;

class ResponseWriter {
 public:
  // `idle_timeout`: in each such period of waiting the client must take 1 KiB.
  ResponseWriter(net::Stream& stream, Duration idle_timeout) noexcept
      : stream_(stream), loop_(stream.loop()), idle_timeout_(idle_timeout) {}

  // Sends the head and as much of the content as is there, without waiting: finished, more (rest()
  // goes on), or failed, which cancels the exchange. A ByteStream's bytes are not written.
  enum class Begun : std::uint8_t { finished, more, failed };
  Begun begin(const RequestHead& request, const Response& response, Delimit delimited, bool keep,
              Exchange& exchange, Outcome& outcome);
  // What begin() left: what the client did not take yet, then the content as it is pulled. True
  // when all of it was sent; otherwise the exchange is cancelled when it was the client's fault, or
  // outcome.reason says what the content failed with.
  Task<bool> rest(const RequestHead& request, const Response& response, Delimit delimited,
                  Exchange& exchange, Outcome& outcome);
  Task<bool> write_interim(const ResponseHead& head);

 private:
  // A piece of content with its framing, and the end behind the last one.
  class Framed;

  // One attempt without waiting; what is left stands in unsent_.
  net::Io try_send(std::span<iovec> pieces, Progress& progress) noexcept;
  // timeout: the client takes too little, or `end` has come.
  Task<net::Io> send(std::span<iovec> pieces, Progress& progress, Deadline end);

  net::Stream& stream_;
  net::Loop& loop_;
  Duration idle_timeout_;
  std::span<iovec> unsent_;
  std::string left_;    // of the head and the first piece, where the client took less
  bool waits_ = false;  // the client took less than begin() sent, maybe of what is sealed alone
  bool whole_ = false;  // begin() had all of the content
};

}  // namespace weir::codec::h1
