// Contents that a sample backend makes up while they are read. Thread of their loop only; an
// exchange that is cancelled ends them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/net/loop_of.hpp"

namespace weir::app {

// As many bytes as were asked for.
class DemoBytes final : public BodyStream, public ExchangePart {
 public:
  explicit DemoBytes(std::uint64_t length) noexcept : length_(length), left_(length) {}

  Task<Result<Bytes>> read() override { co_return read_ready(); }
  Bytes read_ready() noexcept override;
  bool complete() const noexcept override { return left_ == 0; }
  const HeaderMap& trailers() const noexcept override { return trailers_; }
  std::optional<std::uint64_t> length() const noexcept override { return length_; }
  void abort(Reason) noexcept override {}

 private:
  std::uint64_t length_;
  std::uint64_t left_;
  HeaderMap trailers_;
};

// Lines, one after the other with pauses between them.
class DemoLines final : public BodyStream, public ExchangePart {
 public:
  DemoLines(Exchange& exchange, unsigned count)
      : loop_(net::loop_of(exchange)), scope_(&exchange.scope), count_(count) {}

  Task<Result<Bytes>> read() override;
  bool complete() const noexcept override { return told_ == count_; }
  const HeaderMap& trailers() const noexcept override { return trailers_; }
  std::optional<std::uint64_t> length() const noexcept override { return std::nullopt; }
  void abort(Reason reason) noexcept override { scope_.cancel(reason); }

 private:
  net::Loop& loop_;
  CancelScope scope_;
  unsigned count_;
  unsigned told_ = 0;
  std::string line_;
  HeaderMap trailers_;
};

}  // namespace weir::app
