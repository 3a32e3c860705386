#include "app/live/asker.hpp"

#include <fmt/format.h>

#include <utility>

#include "app/commands.hpp"
#include "app/terminal.hpp"
#include "weir/auth/json_object.hpp"
#include "weir/base/reason.hpp"
#include "weir/base/text.hpp"

namespace weir::app {
namespace {

constexpr std::size_t longest_told = 500;

// The sentence of a refusal: `detail` of a problem, otherwise the first line of the body.
std::string sentence_of(const AdminReply& reply) {
  if (reply.content_type.starts_with("application/problem+json")) {
    if (const auto problem = auth::parse_object(reply.body)) {
      if (const auto detail = auth::text_of(*problem, "detail")) return std::string(*detail);
    }
  }
  return reply.body.substr(0, reply.body.find_first_of("\r\n"));
}

std::string token_remedy(const AdminReply& reply, const AdminTarget& target) {
  if (reply.status == 403) return "";  // what the gateway says names the key
  if (!target.token.empty()) return "the token of " + target.token_from + " is not the gateway's";
  const std::string remedy = "give its token with --token-file FILE or WEIR_ADMIN_TOKEN";
  return target.token_from.empty() ? remedy : remedy + " (" + target.token_from + ")";
}

std::string remedy_for(const AdminReply& reply, const AdminTarget& target) {
  switch (reply.status) {
    case 401:
    case 403:
      return token_remedy(reply, target);
    case 404:
      return "is it another version of weir, or not an admin address?";
    case 421:
      return "ask it by its IP address, or name the host in admin.allow_hosts";
    default:
      return "";
  }
}

}  // namespace

std::expected<Asker, int> Asker::open(std::string command, const AdminOptions& options,
                                      Duration patience) {
  auto target = find_admin(options);
  if (!target) {
    return std::unexpected(complain(fmt::format("weir: {}: {}", command, target.error().line),
                                    target.error().exit_code));
  }
  return Asker(std::move(command), AdminClient(std::move(*target), patience));
}

std::expected<AdminReply, int> Asker::reply(const AdminQuestion& question) const {
  auto answer = client_.ask(question);
  if (!answer) return std::unexpected(fail(answer.error()));
  return std::move(*answer);
}

std::expected<std::string, int> Asker::ask(const AdminQuestion& question) const {
  auto answer = reply(question);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status != 200 && answer->status != 204) return std::unexpected(refused(*answer));
  return std::move(answer->body);
}

int Asker::fail(std::string_view what, int exit_code) const {
  return complain(
      fmt::format("weir: {}: {}: {}", command_, client_.target().to_string(), printable(what)),
      exit_code);
}

int Asker::refused(const AdminReply& reply) const {
  return fail(refusal_text(reply, client_.target()));
}

std::string path_segment(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool unreserved =
        is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
    out += unreserved ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string refusal_text(const AdminReply& reply, const AdminTarget& target) {
  std::string out = fmt::format("{} {}", reply.status, status_phrase(reply.status));
  const std::string sentence = sentence_of(reply).substr(0, longest_told);
  if (!sentence.empty()) out += ": " + sentence;
  const std::string remedy = remedy_for(reply, target);
  return remedy.empty() ? out : out + "; " + remedy;
}

}  // namespace weir::app
