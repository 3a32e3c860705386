// The state machine of one prefix: list, watch, look again, and what to do when that fails. Of the
// client's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "provider/etcd/client.hpp"

namespace weir::provider::etcd {

class PrefixTask {
 public:
  PrefixTask(const config::EtcdAccess& access, const ClientTimes& times, Calls& calls,
             const std::shared_ptr<WatchedPrefix>& prefix, std::function<void()> changed)
      : access_(access),
        times_(times),
        calls_(calls),
        prefix_(prefix),
        changed_(std::move(changed)) {}
  ~PrefixTask();
  PrefixTask(const PrefixTask&) = delete;
  PrefixTask& operator=(const PrefixTask&) = delete;

  // Nobody wants it any more.
  bool is_over() const noexcept { return prefix_.expired(); }
  // Memory ran out somewhere in between: begins anew.
  void recover() { restart(Clock::now()); }
  // Does what is due; returns when something is due again.
  TimePoint advance(TimePoint now);

 private:
  enum class Phase : std::uint8_t {
    pausing,   // until due_
    asking,    // for a token or the list
    watching,  // due_: the next look
  };

  void begin_round(TimePoint now);
  // Another round: at once, or when the pause since the last one is over.
  void restart(TimePoint now);
  void ask_token();
  void list();
  void listed(CallEnd end);
  void watch(std::int64_t from_revision);
  void heard(std::string_view line);
  void watch_ended(CallEnd end);
  void look();
  void looked(CallEnd end);
  // This endpoint cannot serve: the next one, or a pause when all were tried.
  void fail(std::string error);
  void drop_calls();
  void tell(const std::function<bool(KeyTable& table, ProviderState& state)>& change);
  const std::string& endpoint() const { return access_.endpoints[at_]; }
  Question question(const char* path, std::string body, Duration at_most) const;

  const config::EtcdAccess& access_;
  const ClientTimes& times_;
  Calls& calls_;
  const std::weak_ptr<WatchedPrefix> prefix_;
  const std::function<void()> changed_;
  Phase phase_ = Phase::pausing;
  TimePoint due_{};
  TimePoint round_began_{};
  std::size_t at_ = 0;     // among the endpoints
  std::size_t tried_ = 0;  // of them in this round
  std::string token_;
  bool is_token_fresh_ = false;  // it was asked for in this round
  bool is_torn_ = false;         // the watch cannot be believed: it begins anew
  bool disagreed_ = false;       // the last look found something else than is known
  std::int64_t known_ = 0;       // the table's revision then
  Calls::Id call_ = 0;           // the list's or the watch's
  Calls::Id look_ = 0;
};

}  // namespace weir::provider::etcd
