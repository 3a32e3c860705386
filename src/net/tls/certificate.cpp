#include "net/tls/certificate.hpp"

#include <openssl/pem.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "weir/base/text.hpp"

namespace weir::net::tls {
namespace {

constexpr std::size_t largest_file = 4 << 20;

Owned<BIO> bio_of(std::string_view text) {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::int64_t seconds_of(const ASN1_TIME* time) noexcept {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return static_cast<std::int64_t>(::timegm(&parts));
}

// Called for a passphrase, which nobody has.
int refuse_passphrase(char*, int, int, void* asked) noexcept {
  *static_cast<bool*>(asked) = true;
  return -1;
}

}  // namespace

void report(std::vector<config::Problem>& problems, const config::File& file, std::string_view what,
            config::WarningName name) {
  problems.push_back({file.place, file.at, "'" + file.name + "': " + std::string(what), name});
}

std::expected<std::string, std::string> read_file(const std::string& path) {
  errno = 0;
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return std::unexpected("it is not a regular file");  // a pipe would be waited for
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::unexpected(std::strerror(errno != 0 ? errno : ENOENT));
  std::string content;
  char block[16 * 1024];
  while (file.read(block, sizeof block) || file.gcount() > 0) {
    content.append(block, static_cast<std::size_t>(file.gcount()));
    if (content.size() > largest_file) return std::unexpected("the file is larger than 4 MiB");
  }
  if (file.bad()) return std::unexpected(std::strerror(errno != 0 ? errno : EIO));
  return content;
}

std::expected<Chain, std::string> parse_chain(std::string_view pem) {
  ERR_clear_error();
  const Owned<BIO> bio = bio_of(pem);
  Chain chain;
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    chain.emplace_back(next);
  }
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const bool at_end =
      ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
  if (chain.empty() && at_end)
    return std::unexpected("there is no certificate in PEM format in it");
  if (!at_end) return std::unexpected("a certificate in it is damaged");
  return chain;
}

std::expected<Owned<EVP_PKEY>, std::string> parse_key(std::string_view pem) {
  ERR_clear_error();
  const Owned<BIO> bio = bio_of(pem);
  bool encrypted = false;
  Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_passphrase, &encrypted));
  ERR_clear_error();
  if (key) return key;
  if (encrypted) {
    return std::unexpected(
        "the key is encrypted; write it without a passphrase "
        "(openssl pkey -in FILE -out NEW) and guard it by the file's mode");
  }
  return std::unexpected(pem.contains("PRIVATE KEY-----")
                             ? "the private key in it is damaged"
                             : "there is no private key in PEM format in it");
}

bool belongs_to(const X509& certificate, const EVP_PKEY& key) noexcept {
  const bool same = X509_check_private_key(&certificate, &key) == 1;
  ERR_clear_error();
  return same;
}

std::vector<std::string> names_of(const X509& certificate) {
  std::vector<std::string> names;
  const auto add = [&](const ASN1_STRING* text) {
    std::string name = to_lower({reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                 static_cast<std::size_t>(ASN1_STRING_length(text))});
    if (name.ends_with('.')) name.pop_back();
    const bool plain = std::ranges::all_of(name, [](char c) { return c > 0x20 && c < 0x7F; });
    if (name.empty() || !plain || std::ranges::find(names, name) != names.end()) return;
    names.push_back(std::move(name));
  };
  const Owned<GENERAL_NAMES> alternatives(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = alternatives ? sk_GENERAL_NAME_num(alternatives.get()) : 0;
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* one = sk_GENERAL_NAME_value(alternatives.get(), i);
    if (one->type == GEN_DNS) add(one->d.dNSName);
  }
  if (names.empty()) {
    X509_NAME* const subject = X509_get_subject_name(&certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at >= 0) add(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  }
  ERR_clear_error();
  return names;
}

std::int64_t ends_at(const X509& certificate) noexcept {
  return seconds_of(X509_get0_notAfter(&certificate));
}

std::int64_t begins_at(const X509& certificate) noexcept {
  return seconds_of(X509_get0_notBefore(&certificate));
}

bool must_staple(const X509& certificate) noexcept {
  constexpr long status_request = 5;
  TLS_FEATURE* const features =
      static_cast<TLS_FEATURE*>(X509_get_ext_d2i(&certificate, NID_tlsfeature, nullptr, nullptr));
  bool found = false;
  for (int i = 0; features != nullptr && i < sk_ASN1_INTEGER_num(features); ++i) {
    found = found || ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == status_request;
  }
  TLS_FEATURE_free(features);
  ERR_clear_error();
  return found;
}

std::expected<Staple, std::string> parse_staple(std::string_view der, const X509& certificate) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const Owned<OCSP_RESPONSE> response(
      d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (!response) return std::unexpected("there is no OCSP response in DER format in it");
  if (OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return std::unexpected("the responder refused to answer");
  }
  const Owned<OCSP_BASICRESP> basic(OCSP_response_get1_basic(response.get()));
  ERR_clear_error();
  const int count = basic ? OCSP_resp_count(basic.get()) : 0;
  for (int i = 0; i < count; ++i) {
    OCSP_SINGLERESP* const single = OCSP_resp_get0(basic.get(), i);
    ASN1_INTEGER* serial = nullptr;
    OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial,
                      const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single)));
    if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(&certificate)) != 0) continue;
    ASN1_GENERALIZEDTIME* next = nullptr;
    const int status = OCSP_single_get0_status(single, nullptr, nullptr, nullptr, &next);
    if (status == V_OCSP_CERTSTATUS_REVOKED) {
      return std::unexpected("it says that the certificate is revoked");
    }
    return Staple{std::string(der), seconds_of(next)};
  }
  return std::unexpected("it is about another certificate");
}

}  // namespace weir::net::tls
