#include "net/tls/verify_report.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <vector>

#include "net/tls/certificate.hpp"
#include "weir/net/tls_session.hpp"

namespace weir::net::tls {
namespace {

constexpr std::size_t longest_name = 100;
constexpr std::size_t most_names = 3;

std::string text_of(const X509_NAME* name) {
  const Owned<BIO> bio(BIO_new(BIO_s_mem()));
  if (!bio) return {};
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  if (size <= 0) return {};
  return std::string(text, static_cast<std::size_t>(size)).substr(0, longest_name);
}

std::string day(std::int64_t seconds) {
  const std::chrono::sys_seconds at{std::chrono::seconds(seconds)};
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(at));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

// The name or address that the certificate was to be for; "" for any.
std::string wanted(SSL* ssl) {
  X509_VERIFY_PARAM* const rules = SSL_get0_param(ssl);
  if (const char* host = X509_VERIFY_PARAM_get0_host(rules, 0)) return host;
  char* const address = X509_VERIFY_PARAM_get1_ip_asc(rules);
  std::string out = address != nullptr ? address : "";
  OPENSSL_free(address);
  return out;
}

std::string fault(SSL* ssl, X509_STORE_CTX* context) {
  const int error = X509_STORE_CTX_get_error(context);
  std::string out = X509_verify_cert_error_string(error);
  const bool name =
      error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH;
  if (name) out += " with " + wanted(ssl).substr(0, longest_name);
  if (const X509* at = X509_STORE_CTX_get_current_cert(context)) out += ": " + describe(*at);
  return out;
}

}  // namespace

std::string describe(const X509& certificate) {
  std::string names;
  const std::vector<std::string> all = names_of(certificate);
  for (std::size_t i = 0; i < all.size() && i < most_names; ++i) {
    if (i != 0) names += ' ';
    names += all[i].substr(0, longest_name);
  }
  if (all.size() > most_names) names += " ...";
  if (names.empty()) names = text_of(X509_get_subject_name(&certificate));
  return fmt::format("for {}, valid {} to {}, issued by {}", names, day(begins_at(certificate)),
                     day(ends_at(certificate)), text_of(X509_get_issuer_name(&certificate)));
}

int report_verification(int ok, X509_STORE_CTX* context) noexcept {
  if (ok == 1) return ok;
  auto* const ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  TlsSession* const session = ssl != nullptr ? TlsSession::of(ssl) : nullptr;
  if (session == nullptr) return ok;
  try {
    session->set_certificate_fault(fault(ssl, context));
  } catch (const std::exception&) {
    // OpenSSL's own words remain.
  }
  return ok;
}

}  // namespace weir::net::tls
