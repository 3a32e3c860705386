#include "config/jwt_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "config/blocks.hpp"
#include "config/checks.hpp"
#include "config/document.hpp"
#include "config/kinds.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

constexpr std::array<std::string_view, 6> kind_words{"",       "jwks_file",   "jwks_url",
                                                     "secret", "secret_file", "public_key_file"};
constexpr std::array<std::string_view, 6> docs{"",
                                               "a JWKS (RFC 7517); watched",
                                               "where a JWKS is fetched, http or https",
                                               "a text, at least as long as the algorithm's hash",
                                               "the secret in a file; watched",
                                               "a public key in PEM; watched"};

Wrong check_url(std::string& written) {
  const std::size_t host = istarts_with(written, "https://")  ? 8
                           : istarts_with(written, "http://") ? 7
                                                              : 0;
  const bool spoilt = std::ranges::any_of(
      written, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; });
  if (host == 0 || written.size() == host || written[host] == '/' || spoilt) {
    return in_quotes(written) + " is not https://HOST/PATH or http://HOST/PATH";
  }
  return std::nullopt;
}

bool is_file(JwtKeyKind kind) {
  return kind == JwtKeyKind::jwks_file || kind == JwtKeyKind::secret_file ||
         kind == JwtKeyKind::public_key_file;
}

void read_kind(const Reader& in, JwtKeyKind kind, JwtKeys& keys) {
  auto written = in.text();
  if (!written || (is_file(kind) && !in.may_name_files())) return;
  Wrong wrong = kind == JwtKeyKind::jwks_url ? check_url(*written)
                : is_file(kind)              ? check_printable(*written)
                                             : std::nullopt;
  if (wrong) return in.error(std::move(*wrong));
  if (kind == JwtKeyKind::secret && written->empty()) return in.error("must not be empty");
  keys = {};
  if (is_file(kind) && in.context().checks.opens_files) {
    const std::string& folder = in.context().folder;
    auto content = read_named_file(folder, *written);
    if (!content) {
      return in.error("cannot read " + in_quotes(*written) + ": " + content.error());
    }
    if (kind == JwtKeyKind::secret_file && content->ends_with('\n')) content->pop_back();
    keys.content = std::move(*content);
    keys.path = (std::filesystem::path(folder) / *written).string();
  }
  keys.kind = kind;
  keys.value = std::move(*written);
}

void read_jwt_keys(const Reader& in, JwtKeys& keys) {
  keys = {};
  std::size_t entries = 0;
  in.each_entry([&](const std::string& key, const Reader& value) {
    const auto word = std::ranges::find(kind_words, key);
    if (key.empty() || word == kind_words.end()) {
      return value.key_error(
          "unknown key " + in_quotes(key) +
          in.context().problems.did_you_mean(key, std::span(kind_words).subspan(1)));
    }
    if (++entries > 1)
      return value.key_error("keys come from one place; write another issuer for these");
    read_kind(value, static_cast<JwtKeyKind>(word - kind_words.begin()), keys);
  });
  if (in.is_map() && !in.has_items()) {
    in.error("write one of jwks_file, jwks_url, secret, secret_file, public_key_file");
  }
}

}  // namespace

Value jwt_keys_value(JwtKeys& keys) {
  return {.read = [&keys](const Reader& in) { read_jwt_keys(in, keys); },
          .print =
              [&keys] {
                Tree out = Tree::map();
                if (keys.kind == JwtKeyKind::none) return out;
                out.set(kind_words[static_cast<std::size_t>(keys.kind)],
                        keys.kind == JwtKeyKind::secret ? Tree(redacted) : Tree(keys.value));
                return out;
              },
          .schema =
              [] {
                Tree properties = Tree::map();
                for (std::size_t i = 1; i < kind_words.size(); ++i) {
                  Tree each = text_schema();
                  each.set("description", docs[i]);
                  properties.set(kind_words[i], std::move(each));
                }
                return one_key_schema(std::move(properties));
              }};
}

std::string jwt_issuer_fault(const JwtIssuer& issuer) {
  if (issuer.keys.kind == JwtKeyKind::none || issuer.issuer.empty()) return "";  // has been said
  const bool secret =
      issuer.keys.kind == JwtKeyKind::secret || issuer.keys.kind == JwtKeyKind::secret_file;
  const std::size_t size = issuer.keys.kind == JwtKeyKind::secret ? issuer.keys.value.size()
                                                                  : issuer.keys.content.size();
  for (const std::string& name : issuer.algorithms) {
    const bool hmac = name.starts_with("HS");
    if (secret && !hmac) {
      return fmt::format("a secret cannot be used with {}, which needs a public key", name);
    }
    if (issuer.keys.kind == JwtKeyKind::public_key_file && hmac) {
      return fmt::format("a public key cannot be used with {}, which needs a secret", name);
    }
    const std::size_t least = name == "HS256" ? 32 : name == "HS384" ? 48 : 64;
    if (secret && size < least) {
      return fmt::format("the secret is shorter than the {} bytes that {} needs", least, name);
    }
  }
  return "";
}

}  // namespace weir::config
