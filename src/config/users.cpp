#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "config/blocks.hpp"
#include "config/scalars.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

// What one verification may cost: more, and a few requests would keep the machine busy.
constexpr std::uint64_t most_bcrypt_cost = 16;
constexpr std::uint64_t most_sha512_rounds = 1'000'000;

bool is_crypt_base64(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return is_alpha(c) || is_digit(c) || c == '.' || c == '/'; });
}

// "" if `hash` is one that is verified.
std::string_view bcrypt_fault(std::string_view hash) {
  if (hash.size() != 60 || hash[6] != '$' || !is_crypt_base64(hash.substr(7))) {
    return "the bcrypt hash is damaged; make it again with htpasswd -B";
  }
  const auto cost = parse_decimal(hash.substr(4, 2));
  if (!cost || *cost < 4) return "the bcrypt hash is damaged; make it again with htpasswd -B";
  return *cost > most_bcrypt_cost ? "the cost of the bcrypt hash is above 16" : "";
}

std::string_view sha512_fault(std::string_view hash) {
  constexpr std::string_view damaged =
      "the SHA-512 hash is damaged; make it again with openssl passwd -6";
  constexpr std::size_t digest = 86;
  hash.remove_prefix(3);
  if (hash.starts_with("rounds=")) {
    const std::size_t dollar = hash.find('$');
    if (dollar == std::string_view::npos) return damaged;
    const auto rounds = parse_decimal(hash.substr(7, dollar - 7));
    if (!rounds || *rounds < 1000) return damaged;
    if (*rounds > most_sha512_rounds) return "the SHA-512 hash has more than 1000000 rounds";
    hash.remove_prefix(dollar + 1);
  }
  const std::size_t dollar = hash.find('$');
  if (dollar == std::string_view::npos || dollar > 16) return damaged;
  const std::string_view sum = hash.substr(dollar + 1);
  return sum.size() == digest && is_crypt_base64(sum) ? "" : damaged;
}

std::string_view hash_fault(std::string_view hash) {
  for (const std::string_view prefix : {"$2y$", "$2a$", "$2b$"}) {
    if (hash.starts_with(prefix)) return bcrypt_fault(hash);
  }
  if (hash.starts_with("$6$")) return sha512_fault(hash);
  return "only bcrypt and SHA-512 hashes are accepted (htpasswd -B, openssl passwd -6)";
}

}  // namespace

std::expected<Users, std::vector<std::string>> parse_users(std::string_view text) {
  Users users;
  std::vector<std::string> faults;
  std::unordered_set<std::string_view> names;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (trim(line).empty() || line.starts_with('#')) continue;
    const auto fault = [&](std::string_view what, std::string_view at) {
      faults.push_back(
          fmt::format("line {}, column {}: {}", number, at.data() - line.data() + 1, what));
    };
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) {
      fault("expected NAME:HASH", line);
      continue;
    }
    const std::string_view name = line.substr(0, colon);
    const std::string_view hash = trim(line.substr(colon + 1));
    if (std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20; })) {
      fault("control characters in the name", name);
    } else if (!names.insert(name).second) {
      fault("user " + in_quotes(name) + " is given twice", name);
    } else if (const std::string_view what = hash_fault(hash); !what.empty()) {
      fault(what, hash);
    } else {
      users.emplace_back(name, hash);
    }
  }
  if (users.empty() && faults.empty()) faults.emplace_back("there is no user in it");
  if (!faults.empty()) return std::unexpected(std::move(faults));
  return users;
}

}  // namespace weir::config
