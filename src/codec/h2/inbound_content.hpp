// The content of one message as it came over HTTP/2 and was not read yet: copied out of the
// connection's input and bounded by the stream's window, which is given back as it is taken. One a
// stream; worker thread only.
#pragma once

#include <cstddef>
#include <vector>

#include "weir/base/buffer.hpp"
#include "weir/http/body.hpp"
#include "weir/net/waiter.hpp"

namespace weir::codec::h2 {

class InboundContent {
 public:
  explicit InboundContent(net::Loop& loop) noexcept : loop_(loop), came_(loop) {}
  InboundContent(const InboundContent&) = delete;
  InboundContent& operator=(const InboundContent&) = delete;

  // --- by the connection
  void append(Bytes content);
  // END_STREAM came.
  void end() noexcept;
  // Whoever waits looks again.
  void wake() noexcept {
    came_.notify();
    if (arrivals_ != nullptr) arrivals_->content_arrived();
  }

  // --- by the reader
  // The next piece, valid until the next call; empty when there is none now.
  Bytes take() noexcept;
  // Gives all memory back; what is appended afterwards is dropped.
  void discard() noexcept;
  // END_STREAM came, and all before it was taken.
  bool complete() const noexcept { return ended_ && queued_ == 0; }
  bool ended() const noexcept { return ended_; }
  // Bytes that wait to be taken.
  std::size_t queued() const noexcept { return queued_; }
  auto wait(Deadline deadline) { return came_.wait(deadline); }
  net::Wake result() noexcept { return came_.result(); }
  // Told of all that the connection does here, while nobody waits; null: nobody.
  void tell_arrivals(ContentArrivals* to) noexcept { arrivals_ = to; }

 private:
  struct Block {
    Buffer buffer;
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  net::Loop& loop_;
  std::vector<Block> blocks_;
  std::size_t first_ = 0;  // of blocks_: those before it are empty
  std::size_t queued_ = 0;
  net::Waiter came_;
  ContentArrivals* arrivals_ = nullptr;
  bool ended_ = false;
  bool discarded_ = false;
};

}  // namespace weir::codec::h2
