// A request's content on its way to the upstream, noted down as it passes, and the request's copy
// sent when both its end has come and its head is known. Owned by the exchange, worker thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/proxy/shadows.hpp"

namespace weir::proxy {

class RecordedBody final : public ExchangePart, public BodyStream {
 public:
  // `source` outlives it.
  RecordedBody(BodyStream& source, Shadows::Place place) noexcept
      : source_(source), place_(std::move(place)) {}

  // The copy, but for its content: now, or with the content's end. Nothing is sent when the content
  // was too long or never ends.
  void send_as(std::unique_ptr<RequestCopy> copy);

  // --- BodyStream: the source's
  Task<Result<Bytes>> read() override;
  Bytes read_ready() noexcept override;
  bool complete() const noexcept override { return source_.complete(); }
  const HeaderMap& trailers() const noexcept override { return source_.trailers(); }
  std::optional<std::uint64_t> length() const noexcept override { return source_.length(); }
  void tell_arrivals(ContentArrivals* to) noexcept override { source_.tell_arrivals(to); }
  void abort(Reason reason) noexcept override { source_.abort(reason); }

  // --- ExchangePart
  bool settled() const noexcept override { return true; }

 private:
  void note(Bytes piece);
  void send_if_whole();

  BodyStream& source_;
  std::optional<Shadows::Place> place_;  // none: sent, or given up
  std::string content_;
  std::unique_ptr<RequestCopy> copy_;
};

}  // namespace weir::proxy
