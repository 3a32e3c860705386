// Questions to etcd's JSON gateway over HTTP, several at a time on one thread. No redirects, no
// proxies of the environment; sizes are bounded. Everything but wake() on one thread.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "weir/base/time.hpp"
#include "weir/config/providers.hpp"

namespace weir::provider::etcd {

struct Question {
  std::string endpoint;  // "https://10.0.0.1:2379"
  std::string path;      // "/v3/kv/range"
  std::string body;
  std::string token;   // "" for none
  Duration at_most{};  // zero: no limit, as for a watch
};

struct CallEnd {
  std::string error;  // "" for an answer of status 200; otherwise why not, with etcd's complaint
  std::string body;   // of an answer that was not streamed
};

class Calls {
 public:
  using Id = std::uint64_t;  // 0 is none
  using Done = std::function<void(CallEnd)>;
  // A line of an answer that never ends.
  using Line = std::function<void(std::string_view)>;

  Calls();
  // Calls that run are dropped; nothing of theirs is called.
  ~Calls();
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  // `done` is called by turn(), once, unless the call is dropped before; so is `line`, for each.
  Id ask(const config::EtcdAccess& access, Question question, Done done, Line line = {});
  // Also from within what turn() calls.
  void drop(Id call);
  // Moves all on and waits until something comes, wake() or `at_most`.
  void turn(Duration at_most);
  // Any thread.
  void wake() noexcept;

 private:
  class Transfers;
  std::unique_ptr<Transfers> transfers_;
};

// One question to the endpoints in turn, until one answers; etcd's complaints are answers. Blocks:
// for commands.
std::expected<std::string, std::string> ask_once(const config::EtcdAccess& access,
                                                 std::string_view path, const std::string& body);

}  // namespace weir::provider::etcd
