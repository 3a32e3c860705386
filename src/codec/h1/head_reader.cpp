#include "codec/h1/head_reader.hpp"

#include <algorithm>

#include "codec/h1/listener_limits.hpp"
#include "weir/base/block_cache.hpp"
#include "weir/http/head_memory.hpp"

namespace weir::codec::h1 {

// What a head that has not come whole holds. Whoever has to give way is woken.
class HeadReader::Unfinished final : public HeadCharge, public Cached {
 public:
  Unfinished(const ConnectionInfo& info, net::Stream& stream) noexcept
      : HeadCharge(info.heads, info.listener, info.peer), stream_(stream) {}

 private:
  void give_way() noexcept override { stream_.nudge_reader(); }
  net::Stream& stream_;
};

HeadReader::HeadReader(Input& input, const ConnectionInfo& info,
                       const config::Limits& limits) noexcept
    : input_(input), info_(info), limits_(limits), parser_(head_limits(limits)) {}

HeadReader::~HeadReader() = default;

Result<bool> HeadReader::take(RequestHead& head) {
  const auto consumed = parser_.parse(input_.bytes(), head);
  if (!consumed) return fail(consumed.error().reason, Side::downstream, consumed.error().detail);
  input_.consume(*consumed);
  return *consumed != 0;
}

Task<Result<bool>> HeadReader::rest(RequestHead& head, TimePoint first_byte) {
  net::Stream& stream = input_.stream();
  while (true) {
    net::Io status = input_.fill();
    if (status == net::Io::would_block) {
      if (!hold(head)) co_return no_room_for(head);
      status = co_await stream.wait_readable(deadline_after(first_byte, limits_.header_timeout));
      if (unfinished_ != nullptr && unfinished_->gave_way()) co_return no_room_for(head);
    }
    if (status != net::Io::ok && status != net::Io::would_block) {
      // What there is of a head that never came whole is none: its beginning may mean anything.
      head.method = Method::other;
      head.method_text = head.target = head.path = head.host = head.query = {};
      if (status == net::Io::timeout) {
        co_return fail(Reason::client_timeout, Side::downstream, "the head came too slowly");
      }
      co_return fail(Reason::client_closed, Side::downstream,
                     "the client left before the end of the head");
    }
    auto taken = take(head);
    if (taken && !*taken) continue;
    if (unfinished_ != nullptr) whole(head);
    co_return taken;
  }
}

// Before more is waited for: keeps what there is in as little as it needs, and charges it. False
// when the budget has no room for it.
bool HeadReader::hold(const RequestHead& head) {
  input_.consume(parser_.forget_done());
  input_.fit();
  if (info_.heads == nullptr) return true;
  if (unfinished_ == nullptr) unfinished_ = std::make_unique<Unfinished>(info_, input_.stream());
  return unfinished_->set(input_.held() + head.headers.held());
}

// What it held is wanted by others: nothing of it stays for the time of the answer.
Result<bool> HeadReader::no_room_for(RequestHead& head) {
  head = {};
  head.method = Method::other;
  input_.consume(input_.bytes().size());
  input_.release();
  return fail(Reason::headers_too_large, Side::downstream, "too many unfinished heads at a time");
}

// Until the answer's end it is charged for what it takes, and gives way to nobody any more.
void HeadReader::whole(const RequestHead& head) {
  unfinished_->keep();
  static_cast<void>(unfinished_->set(std::min(unfinished_->bytes(), head.headers.held())));
}

}  // namespace weir::codec::h1
