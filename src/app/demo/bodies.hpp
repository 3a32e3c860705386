// Contents that a sample backend makes up while they are read, and its pause before an answer.
// Thread of their loop only; an exchange that is cancelled ends them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/net/waiter.hpp"

namespace weir::app {

// A wait that ends with its exchange.
class DemoPause final : private Cancellable {
 public:
  explicit DemoPause(Exchange& exchange);
  ~DemoPause();
  DemoPause(const DemoPause&) = delete;
  DemoPause& operator=(const DemoPause&) = delete;

  // False when the exchange was cancelled.
  Task<bool> wait(Duration time);
  void cancel(Reason reason) noexcept override;

 private:
  Exchange& exchange_;
  net::Waiter waiter_;
  Cancellable* before_;
};

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
  DemoLines(Exchange& exchange, unsigned count) : pause_(exchange), count_(count) {}

  Task<Result<Bytes>> read() override;
  bool complete() const noexcept override { return told_ == count_; }
  const HeaderMap& trailers() const noexcept override { return trailers_; }
  std::optional<std::uint64_t> length() const noexcept override { return std::nullopt; }
  void abort(Reason reason) noexcept override { pause_.cancel(reason); }

 private:
  DemoPause pause_;
  unsigned count_;
  unsigned told_ = 0;
  std::string line_;
  HeaderMap trailers_;
};

}  // namespace weir::app
