// Certificates and keys out of PEM files, and what is wrong with them. Pure but for the functions
// that take a path, which block: main thread or start only.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "net/tls/handles.hpp"
#include "weir/config/problem.hpp"
#include "weir/config/tls.hpp"

namespace weir::net::tls {

using Chain = std::vector<Owned<X509>>;  // the server's own first

// The file's content, at most 4 MiB; the error is the system's.
std::expected<std::string, std::string> read_file(const std::string& path);

// Adds what is wrong with `file` to `problems` (or, with the name of a warning, to warnings).
void report(std::vector<config::Problem>& problems, const config::File& file, std::string_view what,
            config::WarningName name = config::WarningName::none);

// Every certificate of a PEM text, at least one.
std::expected<Chain, std::string> parse_chain(std::string_view pem);
// The private key of a PEM text. One that is encrypted is an error of its own.
std::expected<Owned<EVP_PKEY>, std::string> parse_key(std::string_view pem);
bool belongs_to(const X509& certificate, const EVP_PKEY& key) noexcept;

// The DNS names it is for, lower-cased: those of subjectAltName, or without any (it may
// name addresses alone) the common name.
std::vector<std::string> names_of(const X509& certificate);
// When it ends, in seconds since the epoch.
std::int64_t ends_at(const X509& certificate) noexcept;
std::int64_t begins_at(const X509& certificate) noexcept;

// It has the TLS feature status_request (RFC 7633): a client that knows it wants a staple.
bool must_staple(const X509& certificate) noexcept;

// A stapled answer of an OCSP responder.
struct Staple {
  std::string der;               // "" for none
  std::int64_t next_update = 0;  // seconds since the epoch; 0: it does not say
};
// Of a response in DER, which must be a good answer about `certificate`.
std::expected<Staple, std::string> parse_staple(std::string_view der, const X509& certificate);

// Who a client is, as X-Forwarded-Client-Cert tells it: Hash=...;Subject="...";URI=...;DNS=...
std::string client_identity(const X509& certificate);

}  // namespace weir::net::tls
