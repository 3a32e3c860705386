// TLS as it is configured, of listeners and of upstreams. Files are named here and opened by the
// room that uses them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/time.hpp"
#include "weir/config/place.hpp"

namespace weir::config {

// A file that the configuration names; equal when it is the same name.
struct File {
  std::string name;  // as written, "" for none
  std::string path;  // where it is: below the configuration's folder unless absolute
  Place place;
  std::string at;  // "listeners[0].tls.certificates[0].cert": where a Problem about it starts
  std::string content{};  // where there is no file: what would be in it; `name` is the key's then

  explicit operator bool() const noexcept { return !name.empty(); }
  friend bool operator==(const File& a, const File& b) noexcept {
    return a.name == b.name && a.content == b.content;
  }
};

enum class ClientAuthMode : std::uint8_t { off, optional, required };

struct ClientAuth {
  ClientAuthMode mode = ClientAuthMode::off;
  File ca;
  friend bool operator==(const ClientAuth&, const ClientAuth&) = default;
};

struct CertificateFiles {
  File cert;
  File key;
  File ocsp;                              // a response in DER, stapled
  std::optional<ClientAuth> client_auth;  // instead of the listener's
  friend bool operator==(const CertificateFiles&, const CertificateFiles&) = default;
};

enum class TlsVersion : std::uint8_t { tls12, tls13 };

// Strict-Transport-Security (RFC 6797): for so long browsers come by https alone.
struct Hsts {
  Duration max_age = std::chrono::hours(24 * 365);
  bool subdomains = false;
  bool preload = false;
  std::string field_value() const;  // "max-age=31536000; includeSubDomains"
  friend bool operator==(const Hsts&, const Hsts&) = default;
};

struct ListenerTls {
  std::vector<CertificateFiles> certificates;  // at least one
  std::vector<CertificateFiles> more{};        // of `certificates` beside the listeners
  TlsVersion min_version = TlsVersion::tls12;
  ClientAuth client_auth;
  std::optional<Hsts> hsts;
  Duration ticket_rotation = std::chrono::hours(12);
  friend bool operator==(const ListenerTls&, const ListenerTls&) = default;
};

struct UpstreamTls {
  std::string server_name;  // "": the name of a NAME endpoint, otherwise its address
  File ca;                  // none: the system's
  File cert;
  File key;
  bool verify = true;
  friend bool operator==(const UpstreamTls&, const UpstreamTls&) = default;
};

}  // namespace weir::config
