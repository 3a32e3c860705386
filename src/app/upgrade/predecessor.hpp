// The process that started this one and hands over to it. Main thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "app/upgrade/channel.hpp"
#include "app/upgrade/note.hpp"
#include "weir/base/asio.hpp"
#include "weir/net/passed_sockets.hpp"

namespace weir::app {

class Predecessor {
 public:
  struct Callbacks {
    std::function<std::string()> why_not_able;  // what is waited for; "" for nothing
    // It has let go of the sockets; `alone`: by ending without a word. Once, behind able().
    std::function<void(bool alone)> go;
    std::function<void()> give_up;  // this process is to end, the one before serves on
    std::function<void()> lost;   // it has ended without a word; go() follows when this one is able
    std::function<void()> ended;  // the one before, after go()
  };

  ~Predecessor() {
    if (channel_) channel_->close();
  }

  // Null when nobody hands over to this process. The error says what is wrong with the note. To be
  // called once, before other threads run.
  static std::expected<std::unique_ptr<Predecessor>, std::string> from_environment();

  const UpgradeNote& note() const noexcept { return note_; }
  // Its sockets. Once.
  std::expected<net::PassedSockets, std::string> take_sockets() const;
  // This process cannot start, for these reasons, a line each.
  void failed(std::string_view lines) noexcept;

  // Listens to it from now on. Once.
  void listen(asio::io_context& main, Callbacks callbacks);
  // This process could take over. REQUIRES: listen().
  void able();
  // This process has handed over in its turn.
  void gone() noexcept;

 private:
  explicit Predecessor(UpgradeNote note) : note_(std::move(note)), end_(channel_descriptor) {}

  void heard(std::string_view word);
  void other_ended();
  void go(bool alone);
  void tell_waits();

  const UpgradeNote note_;
  Descriptor end_;  // until listen()
  std::shared_ptr<UpgradeChannel> channel_;
  std::optional<asio::steady_timer> next_word_;
  std::string waits_;  // as it was told last
  Callbacks callbacks_;
  bool able_ = false;
  bool alone_ = false;
  bool gone_on_ = false;  // go() was called
};

}  // namespace weir::app
