// Reads the head of one request from a connection's input. A head that comes whole with what is
// there costs nothing more than its parsing; of one that has to be waited for no more is kept than
// it needs, within the budget of all heads. Worker thread; lives as long as its request.
#pragma once

#include <memory>

#include "codec/h1/head_parser.hpp"
#include "codec/h1/input.hpp"
#include "weir/base/result.hpp"
#include "weir/base/task.hpp"
#include "weir/config/model.hpp"
#include "weir/http/exchange.hpp"

namespace weir::codec::h1 {

class HeadReader {
 public:
  HeadReader(Input& input, const ConnectionInfo& info, const config::Limits& limits) noexcept;
  ~HeadReader();
  HeadReader(const HeadReader&) = delete;
  HeadReader& operator=(const HeadReader&) = delete;

  // Takes the head out of what has come; false when more is needed.
  Result<bool> take(RequestHead& head);
  // Waits for more until it is whole. `first_byte`: when its first byte came. Fails with
  // client_timeout, client_closed, headers_too_large when the budget has no room, or what the
  // parser says; `head` then holds what the log may tell.
  Task<Result<bool>> rest(RequestHead& head, TimePoint first_byte);

 private:
  class Unfinished;

  bool hold(const RequestHead& head);
  Result<bool> no_room_for(RequestHead& head);
  void whole(const RequestHead& head);

  Input& input_;
  const ConnectionInfo& info_;
  const config::Limits& limits_;
  RequestHeadParser parser_;
  std::unique_ptr<Unfinished> unfinished_;  // none for a head that came at once
};

}  // namespace weir::codec::h1
