// A blocking client of the admin address, over TCP and unix sockets: one request on a connection of
// its own, bounded in time and size. Main thread; no other loop runs meanwhile.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <string>
#include <string_view>

#include "app/live/admin_target.hpp"
#include "weir/base/time.hpp"

namespace weir::app {

struct AdminQuestion {
  std::string_view method = "GET";
  std::string path;  // percent-encoded, with its query
  std::string body;  // JSON; "" for none
};

struct AdminReply {
  int status = 0;
  std::string content_type;
  std::string body;
};

class AdminClient {
 public:
  static constexpr std::size_t most_body = 64 * 1024 * 1024;  // bytes of an answer

  // `patience`: for a whole answer, names looked up included; of a stream, for its head.
  explicit AdminClient(AdminTarget target, Duration patience = std::chrono::seconds(10))
      : target_(std::move(target)), patience_(patience) {}

  const AdminTarget& target() const noexcept { return target_; }

  // The answer, whatever its status; or what failed and the remedy, the end of a line:
  // "connection refused; is weir running? --admin ADDRESS asks another one".
  std::expected<AdminReply, std::string> ask(const AdminQuestion& question) const;

  // The same for an answer that goes on: of status 200, calls `piece` with the bytes of its body as
  // they come, without a limit in time or size, until it returns false or the body ends; the
  // reply's body is empty then. Of another status as ask().
  using Piece = std::function<bool(std::string_view bytes)>;
  std::expected<AdminReply, std::string> stream(const AdminQuestion& question,
                                                const Piece& piece) const;

 private:
  AdminTarget target_;
  Duration patience_;
};

}  // namespace weir::app
