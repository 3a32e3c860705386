#include "weir/net/client_identity.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "net/tls/certificate.hpp"

namespace weir::net::tls {
namespace {

// A value of the field, quoted where its own signs would end it.
void append_value(std::string& out, std::string_view value, bool always_quoted) {
  const bool quoted =
      always_quoted || value.find_first_of(",;=\"\\ ") != std::string_view::npos || value.empty();
  if (quoted) out += '"';
  for (const char c : value) {
    if (quoted && (c == '"' || c == '\\')) out += '\\';
    out += c;
  }
  if (quoted) out += '"';
}

bool is_plain(std::string_view value) {
  return std::ranges::all_of(value, [](char c) { return c >= 0x20 && c < 0x7F; });
}

std::string subject_of(const X509& certificate) {
  const Owned<BIO> bio(BIO_new(BIO_s_mem()));
  if (!bio) return {};
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

std::string client_identity(const X509& certificate) {
  std::string out = "Hash=";
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  unsigned size = 0;
  X509_digest(&certificate, EVP_sha256(), digest.data(), &size);
  for (const unsigned char byte : digest) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  out += ";Subject=";
  append_value(out, subject_of(certificate), true);
  const Owned<GENERAL_NAMES> alternatives(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = alternatives ? sk_GENERAL_NAME_num(alternatives.get()) : 0;
  const auto add = [&](int type, std::string_view key) {
    for (int i = 0; i < count; ++i) {
      const GENERAL_NAME* one = sk_GENERAL_NAME_value(alternatives.get(), i);
      if (one->type != type) continue;
      const ASN1_STRING* text = one->d.ia5;
      const std::string_view value(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                   static_cast<std::size_t>(ASN1_STRING_length(text)));
      if (!is_plain(value)) continue;
      out += key;
      append_value(out, value, false);
    }
  };
  add(GEN_URI, ";URI=");
  add(GEN_DNS, ";DNS=");
  ERR_clear_error();
  return out;
}

}  // namespace weir::net::tls

namespace weir::net {

std::expected<std::string, std::string> client_identity_of(std::string_view pem) {
  const auto chain = tls::parse_chain(pem);
  if (!chain) return std::unexpected(chain.error());
  return tls::client_identity(*chain->front());
}

}  // namespace weir::net
