// A request's content that can be read a second time from its start, for a second fetch: what is
// read is kept, up to 64 KiB, until it is decided whether there will be one. Owned by the exchange,
// worker thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "proxy/fetch/kept_content.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"

namespace weir::proxy {

class ReplayableBody final : public ExchangePart, public BodyStream {
 public:
  static constexpr std::size_t most = KeptContent::most;  // bytes

  // `source` outlives it.
  explicit ReplayableBody(BodyStream& source) noexcept : source_(source) {}

  // Whether none of the content is gone: all that was read is kept, and the rest can still be read.
  // What somebody still waits for in read() cannot.
  bool can_rewind() const noexcept {
    return state_ == State::keeping && !broken_ && !reading_ && !kept_by_reader_;
  }
  // It begins again, once. REQUIRES: can_rewind().
  void rewind() noexcept;
  // Nobody will rewind it: it is the source and nothing else from now on.
  void let_go() noexcept;

  // --- for a reader that keeps what it reads for itself: it is not kept here, too
  // REQUIRES: nothing was read.
  void leave_to_reader() noexcept { kept_by_reader_ = state_ == State::keeping; }
  // All that was read, or nothing where that is gone. Nobody reads any more.
  void give_back(std::optional<std::string> kept) noexcept;

  // --- BodyStream
  Task<Result<Bytes>> read() override;
  Bytes read_ready() noexcept override;
  bool complete() const noexcept override {
    return state_ != State::replaying && source_.complete();
  }
  const HeaderMap& trailers() const noexcept override { return source_.trailers(); }
  std::optional<std::uint64_t> length() const noexcept override { return source_.length(); }
  void tell_arrivals(ContentArrivals* to) noexcept override { source_.tell_arrivals(to); }
  // While content is kept and nobody waits in read(), the source hears of it with let_go() only: a
  // fetch that failed does not want the rest, but a second one may.
  void abort(Reason reason) noexcept override;

  // --- ExchangePart
  bool settled() const noexcept override { return true; }

 private:
  enum class State : std::uint8_t {
    keeping,    // what is read is kept
    replaying,  // what was kept comes next
    passing,    // what comes is the source's
  };

  void keep(Bytes piece) noexcept;
  // What was kept, where it comes next; empty where nothing was.
  Bytes take_kept() noexcept;

  BodyStream& source_;
  State state_ = State::keeping;
  bool reading_ = false;         // somebody waits in read()
  bool broken_ = false;          // the source failed, or was aborted
  bool kept_by_reader_ = false;  // and not given back yet
  std::optional<Reason> abort_;  // not told to the source yet
  std::string kept_;
};

}  // namespace weir::proxy
