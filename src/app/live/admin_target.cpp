#include "app/live/admin_target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <utility>

#include "app/commands.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/text.hpp"
#include "weir/config/written_admin.hpp"

namespace weir::app {
namespace {

constexpr const char* default_admin = "127.0.0.1:9901";
constexpr std::size_t most_token_bytes = 64 * 1024;

using TargetOutcome = std::expected<AdminTarget, Failure>;

bool is_address(const std::string& text) {
  if (const auto address = SocketAddress::parse(text)) {
    return address->is_unix() || address->port() != 0;
  }
  const auto named = split_host_port(text);
  return named && !named->host.empty() && std::ranges::all_of(named->host, [](char c) {
           return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
         });
}

// Whether it can be one: a field's value, and not a file of something else.
bool is_plain_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
}

// The token of a file, without the end of its line.
std::expected<std::string, Failure> read_token_file(const std::string& path) {
  const auto failed = [&](const char* why) {
    return std::unexpected(Failure{fmt::format("--token-file: {}: {}", path, why)});
  };
  std::ifstream file(path, std::ios::binary);
  if (!file) return failed("cannot be read");
  std::string token(most_token_bytes, '\0');
  file.read(token.data(), static_cast<std::streamsize>(token.size()));
  token.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad() || (token.empty() && !file.eof())) return failed("cannot be read");
  if (token.ends_with('\n')) token.pop_back();
  if (!is_plain_token(token)) return failed("must hold one token, without spaces, on one line");
  return token;
}

// The address that a configuration gives, or why it gives none.
std::expected<std::string, Failure> address_of(const config::Admin& admin,
                                               const std::string& file) {
  const auto none = [&](std::string_view why) {
    return std::unexpected(
        Failure{fmt::format("{}: {}; --admin ADDRESS says where to ask", file, why)});
  };
  if (admin.bind.empty()) return none("admin is off, so there is nothing to ask");
  const auto address = SocketAddress::parse(admin.bind);
  if (!address) return none("admin.bind is not an address");
  if (address->is_unix()) return admin.bind;
  if (address->port() == 0) return none("admin.bind has port 0, so only the log has the real one");
  if (!address->ip().is_unspecified()) return admin.bind;
  return fmt::format("{}:{}", address->ip().is_v4() ? "127.0.0.1" : "[::1]", address->port());
}

// What the configuration says of the admin address; its token too, if it can be read.
TargetOutcome from_configuration(const std::string& file, bool asked_for) {
  AdminTarget out{.address = default_admin, .from = "the default", .token = {}, .token_from = {}};
  const auto written = config::read_admin(file);
  if (!written) {
    // That of a file which nobody named may be missing, or be somebody else's.
    const std::string why = written.error().front().to_string();
    if (asked_for) return std::unexpected(Failure{why});
    out.token_from = why;
    return out;
  }
  for (const config::Problem& problem : written->problems) {
    if (problem.path == "admin.token_file") {
      out.token_from = problem.to_string();
    } else {
      return std::unexpected(
          Failure{problem.to_string() + "; --admin ADDRESS says where to ask instead"});
    }
  }
  auto address = address_of(written->admin, file);
  if (!address) return std::unexpected(std::move(address.error()));
  out.address = std::move(*address);
  out.from = file;
  out.token = written->admin.token;
  if (!out.token.empty()) out.token_from = file + ", admin.token_file";
  return out;
}

TargetOutcome find_address(const AdminOptions& options) {
  if (options.admin.empty()) {
    return from_configuration(options.config.empty() ? default_config : options.config,
                              !options.config.empty());
  }
  if (!is_address(options.admin)) {
    return std::unexpected(
        Failure{fmt::format("--admin: '{}' is not IP:port, NAME:port or unix:PATH", options.admin),
                exit_usage});
  }
  AdminTarget out{.address = {}, .from = {}, .token = {}, .token_from = {}};
  if (!options.config.empty()) {
    // For its token: whoever names both wants them together.
    if (auto written = config::read_admin(options.config)) {
      out.token = std::move(written->admin.token);
      if (!out.token.empty()) out.token_from = options.config + ", admin.token_file";
    }
  }
  out.address = options.admin;
  out.from = "--admin";
  return out;
}

}  // namespace

TargetOutcome find_admin(const AdminOptions& options) {
  auto target = find_address(options);
  if (!target) return target;
  if (!options.token_file.empty()) {
    auto token = read_token_file(options.token_file);
    if (!token) return std::unexpected(std::move(token.error()));
    target->token = std::move(*token);
    target->token_from = "--token-file";
  } else if (const char* token = std::getenv("WEIR_ADMIN_TOKEN"); token != nullptr && *token) {
    if (!is_plain_token(token)) {
      return std::unexpected(Failure{"WEIR_ADMIN_TOKEN must be one token, without spaces"});
    }
    target->token = token;
    target->token_from = "WEIR_ADMIN_TOKEN";
  }
  return target;
}

}  // namespace weir::app
