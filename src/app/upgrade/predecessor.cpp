#include "app/upgrade/predecessor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <utility>

#include "weir/base/release.hpp"

namespace weir::app {
namespace {

constexpr auto between_words = std::chrono::milliseconds(200);

bool is_channel(int fd) {
  int type = 0;
  socklen_t length = sizeof type;
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_SEQPACKET;
}

}  // namespace

std::expected<std::unique_ptr<Predecessor>, std::string> Predecessor::from_environment() {
  const char* const set = std::getenv(upgrade_variable);
  if (set == nullptr) return nullptr;
  auto note = UpgradeNote::parse(set);
  ::unsetenv(upgrade_variable);
  if (!note) return std::unexpected(std::move(note.error()));
  if (!is_channel(channel_descriptor)) {
    return std::unexpected(fmt::format(
        "{} is set, but no process before this one has passed its sockets", upgrade_variable));
  }
  ::fcntl(channel_descriptor, F_SETFD, FD_CLOEXEC);
  return std::unique_ptr<Predecessor>(new Predecessor(std::move(*note)));
}

std::expected<net::PassedSockets, std::string> Predecessor::take_sockets() const {
  return net::PassedSockets::adopt_handed(first_socket, note_.addresses);
}

void Predecessor::failed(std::string_view lines) noexcept {
  try {
    const std::string text = "failed " + std::string(lines);
    channel_ ? channel_->send(text) : send_message(end_.get(), text);
  } catch (const std::bad_alloc&) {
    // Then the exit code must do.
  }
}

void Predecessor::listen(asio::io_context& main, Callbacks callbacks) {
  callbacks_ = std::move(callbacks);
  channel_ = std::make_shared<UpgradeChannel>(main, std::move(end_));
  channel_->listen([this](std::string_view word, std::string_view) { heard(word); },
                   [this] { other_ended(); });
  next_word_.emplace(main);
  tell_waits();
}

void Predecessor::tell_waits() {
  if (able_ || alone_) return;
  const std::string why = callbacks_.why_not_able();
  if (!why.empty() && why != waits_) {
    waits_ = why;
    channel_->send("waits " + why);
  }
  next_word_->expires_after(between_words);
  next_word_->async_wait([this](boost::system::error_code error) {
    if (!error) tell_waits();
  });
}

void Predecessor::able() {
  able_ = true;
  next_word_->cancel();
  if (alone_) return go(true);
  channel_->send("ready " + std::to_string(::getpid()) + " " + std::string(release()));
}

void Predecessor::heard(std::string_view word) {
  if (gone_on_) return;
  if (word == "go" && able_) return go(false);
  if (word == "end") {
    channel_->close();
    callbacks_.give_up();
  }
}

void Predecessor::other_ended() {
  if (gone_on_) return callbacks_.ended();
  alone_ = true;
  if (able_) go(true);
}

void Predecessor::go(bool alone) {
  gone_on_ = true;
  callbacks_.go(alone);
}

void Predecessor::gone() noexcept {
  if (channel_) channel_->send("gone");
}

}  // namespace weir::app
