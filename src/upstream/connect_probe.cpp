#include "weir/upstream/connect_probe.hpp"

#include <new>
#include <utility>

#include "weir/net/loop.hpp"
#include "weir/upstream/endpoint.hpp"

namespace weir::upstream {

void ConnectProbe::begin(Deadline until) noexcept {
  running_ = true;
  began_ = loop_.now();
  stream_.reset();
  Result<> begun;
  try {
    begun = net::Stream::begin_connect(loop_, endpoint_.socket_address(), stream_);
  } catch (const std::bad_alloc&) {
    return end(nullptr, nullptr);
  }
  if (!begun) return end(nullptr, &begun.error());
  // The reactor has no room: that says nothing of the endpoint.
  if (!stream_->is_open()) return end(nullptr, nullptr);
  if (stream_->writable()) return end(std::move(stream_), nullptr);
  stream_->set_observer(this);
  if (until != no_deadline) loop_.wheel().schedule(*this, until);
}

void ConnectProbe::give_up() noexcept {
  if (running_) end(nullptr, nullptr);
}

void ConnectProbe::expire(TimePoint) noexcept {
  if (!stream_->writable()) {
    const Error late{Reason::connect_timeout, Side::upstream, {}};
    return end(nullptr, &late);
  }
  const Result<> connected = stream_->connected();
  if (!connected) return end(nullptr, &connected.error());
  stream_->set_observer(nullptr);
  end(std::move(stream_), nullptr);
}

// Called by the stream itself, which must survive the call: what came of it is looked at a moment
// later.
void ConnectProbe::on_writable() noexcept { loop_.wheel().schedule(*this, loop_.now()); }

void ConnectProbe::end(std::unique_ptr<net::Stream> stream, const Error* failure) noexcept {
  unschedule();
  running_ = false;
  stream_.reset();
  owner_.probed(endpoint_, std::move(stream), failure);
}

}  // namespace weir::upstream
