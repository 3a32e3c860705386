// Who may keep a connection to the admin address when there are more than it serves: the newcomer
// always gets in, and the idlest of the others goes. Without sockets or clocks. Main thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>

#include "weir/base/time.hpp"

namespace weir::server {

class AdminPlaces {
 public:
  // What a connection does. Those named first go first.
  enum class Doing : std::uint8_t {
    awaits_request,  // silent, between two requests, or in the middle of one
    sends_answer,    // as fast as the peer reads
    answers,         // a question, which may be asked again
    serves_probe,
    watches,  // is sent lines as they come; there are few such, and silence is no idleness: stays
    changes,  // what an operator asked is carried out: never sent away for a newcomer
  };

  struct Connection {
    std::function<void()> close;  // called at most once, from within enter() or holds()
    Doing doing = Doing::awaits_request;
    TimePoint active;      // when bytes last moved
    std::size_t held = 0;  // bytes of an answer that is on its way
    bool sent_away = false;
  };

  // `most` connections; as many again while all of those carry out changes. `most_held` bytes of
  // answers that wait for their readers.
  AdminPlaces(std::size_t most, std::size_t most_held) noexcept
      : most_(most), most_held_(most_held) {}

  // A place for a newcomer; the idlest of the others is closed when there is none. Who connected a
  // moment ago is about to ask, and counts as if it had. Null when all
  // carry out changes and nobody can be closed.
  Connection* enter(TimePoint now, std::function<void()> close);
  void leave(Connection& connection) noexcept;
  // The connection sends an answer of `bytes`. When all answers together are too many bytes, the
  // idlest of the others that send one are closed.
  void holds(TimePoint now, Connection& connection, std::size_t bytes);

  std::size_t size() const noexcept { return connections_.size(); }

 private:
  // The first that may go, among those that hold an answer or all; null for none.
  Connection* idlest(TimePoint now, const Connection* except, bool only_holders) noexcept;
  void send_away(Connection& connection);

  const std::size_t most_;
  const std::size_t most_held_;
  std::list<Connection> connections_;
  std::size_t kept_ = 0;  // those that were not sent away
  std::size_t held_ = 0;  // bytes of their answers
};

}  // namespace weir::server
