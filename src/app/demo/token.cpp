#include "app/demo/token.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace weir::app {
namespace {

constexpr std::int64_t day = 24 * 3600;

// RFC 7515 section 2: without padding.
std::string base64url(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // and the 0 that OpenSSL writes
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  out.erase(out.find_last_not_of('=') + 1);
  std::ranges::replace(out, '+', '-');
  std::ranges::replace(out, '/', '_');
  return out;
}

std::string hmac_sha256(std::string_view secret, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac;
  unsigned size = 0;
  if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(),
           &size) == nullptr) {
    throw std::runtime_error("the demo's token could not be signed");
  }
  return {reinterpret_cast<const char*>(mac.data()), size};
}

}  // namespace

std::string new_secret() {
  std::array<unsigned char, 32> bytes;
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    throw std::runtime_error("no randomness for the demo's secret");
  }
  std::string out;
  for (const unsigned char byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

std::string signed_token(std::string_view secret, std::string_view issuer, std::string_view subject,
                         std::int64_t now) {
  const std::string text = base64url(R"({"alg":"HS256","typ":"JWT"})") + '.' +
                           base64url(fmt::format(R"({{"iss":"{}","sub":"{}","iat":{},"exp":{}}})",
                                                 issuer, subject, now, now + day));
  return text + '.' + base64url(hmac_sha256(secret, text));
}

}  // namespace weir::app
