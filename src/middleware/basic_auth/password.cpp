#include "middleware/basic_auth/password.hpp"

#include <crypt.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <memory>

namespace weir {

bool is_known_hash(std::string_view hash) noexcept {
  static constexpr std::array<std::string_view, 4> kinds{"$2a$", "$2b$", "$2y$", "$6$"};
  return std::ranges::any_of(kinds, [&](std::string_view kind) { return hash.starts_with(kind); });
}

bool verify_password(const std::string& password, const std::string& hash) {
  if (!is_known_hash(hash) || password.size() > longest_password) return false;
  // 32 KiB, too large for a thread's stack to hold lightly.
  const auto data = std::make_unique<crypt_data>();
  const char* made = crypt_r(password.c_str(), hash.c_str(), data.get());
  const std::string_view text = made != nullptr ? made : "";
  const bool same =
      text.size() == hash.size() && CRYPTO_memcmp(text.data(), hash.data(), hash.size()) == 0;
  OPENSSL_cleanse(data.get(), sizeof *data);
  return same;
}

}  // namespace weir
