// The content of a request while it comes in over HTTP/1: framing checked, counted against the
// exchange's limit, the client's pace watched. Owned by the connection for one request.
#pragma once

#include <functional>
#include <string_view>

#include "codec/h1/content_reader.hpp"
#include "codec/h1/input.hpp"
#include "weir/codec/progress.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"

namespace weir::codec::h1 {

class RequestBody final : public BodyStream, public Cached {
 public:
  // `continue_sender` says 100 Continue when the client waits for it and nobody did yet.
  RequestBody(Input& input, const RequestHead& head, Exchange& exchange, Progress progress,
              Underscores underscores, std::function<Task<>()> continue_sender);

  Task<Result<Bytes>> read() override;
  Bytes read_ready() noexcept override;
  bool complete() const noexcept override {
    return content_.ended() && failure_.reason == Reason::none;
  }
  const HeaderMap& trailers() const noexcept override { return content_.trailers(); }
  std::optional<std::uint64_t> length() const noexcept override { return content_.length(); }
  void tell_arrivals(ContentArrivals* to) noexcept override { arrivals_ = to; }
  void abort(Reason reason) noexcept override;

  // Bytes came, or the client's end, while nobody waited for them.
  void arrived() noexcept;

  // Takes what is already here and nobody wants; true when the request ends within it, so that the
  // connection can go on.
  bool discard_rest() noexcept;

 private:
  // The next piece that is here, counted; empty when more is needed, complete, or failed.
  Bytes take() noexcept;
  void set_failure(Reason reason, std::string_view detail) noexcept;

  Input& input_;
  Exchange& exchange_;
  ContentReader content_;
  Progress progress_;
  std::function<Task<>()> continue_sender_;
  ContentArrivals* arrivals_ = nullptr;
  bool unread_ = false;  // bytes that came unasked are not in the input yet
  Error failure_{Reason::none, Side::downstream, {}};
};

}  // namespace weir::codec::h1
