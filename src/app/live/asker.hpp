// One command's talk with the running gateway: it finds the admin address, asks, and tells on
// stderr in one line what was asked, where, what failed and the remedy. Main thread.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "app/live/admin_client.hpp"
#include "app/live/admin_target.hpp"

namespace weir::app {

// Exit codes of the commands that ask a running gateway; 0 is done, exit_usage (2) wrong usage.
inline constexpr int exit_failed = 1;   // it refused, or could not be asked
inline constexpr int exit_unknown = 3;  // it has nothing of that name

// Most commands; a reload waits for names and certificates.
inline constexpr Duration usual_patience = std::chrono::seconds(10);

class Asker {
 public:
  // `command`: its name, for messages. On failure the exit code, after the line was printed.
  static std::expected<Asker, int> open(std::string command, const AdminOptions& options,
                                        Duration patience = usual_patience);

  const AdminClient& client() const noexcept { return client_; }

  // The answer, whatever its status; or the exit code, after the line was printed.
  std::expected<AdminReply, int> reply(const AdminQuestion& question) const;
  // The body of an answer of status 200 or 204; or the exit code, after the line was printed.
  std::expected<std::string, int> ask(const AdminQuestion& question) const;

  // Prints "weir: COMMAND: ADDRESS (FROM): WHAT" on stderr and gives the code back.
  int fail(std::string_view what, int exit_code = exit_failed) const;
  // fail() with what a refusal says, and its remedy.
  int refused(const AdminReply& reply) const;

 private:
  Asker(std::string command, AdminClient client)
      : command_(std::move(command)), client_(std::move(client)) {}

  std::string command_;
  AdminClient client_;
};

// A segment of a path: everything but unreserved characters (RFC 3986, 2.3) percent-encoded.
std::string path_segment(std::string_view text);

// What a refusal says and what helps, without the place: "401 Unauthorized: ...". `token_from` as
// of AdminTarget. Pure.
std::string refusal_text(const AdminReply& reply, const AdminTarget& target);

}  // namespace weir::app
