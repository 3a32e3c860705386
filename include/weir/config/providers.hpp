// Where routes, upstreams, middleware and certificates come from beside the configuration's own
// files, and certificates as a document lists them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "weir/config/place.hpp"
#include "weir/config/tls.hpp"

namespace weir::config {

struct EtcdTls {
  File ca;  // none: the system's
  File cert;
  File key;
  bool verify = true;
  friend bool operator==(const EtcdTls&, const EtcdTls&) = default;
};

// How etcd is reached.
struct EtcdAccess {
  std::vector<std::string> endpoints;  // http(s)://HOST:PORT, asked in turn; empty: none
  std::optional<EtcdTls> tls;          // only for https
  std::string username;                // "" for none
  std::string password_file;           // as written, "" for none
  std::string password;                // its content
  friend bool operator==(const EtcdAccess&, const EtcdAccess&) = default;
};

struct EtcdProvider {
  EtcdAccess access;
  std::string prefix = "/weir/";  // each key below it is a document
  friend bool operator==(const EtcdProvider&, const EtcdProvider&) = default;
};

struct Providers {
  std::optional<EtcdProvider> etcd;
  bool any() const noexcept { return etcd.has_value(); }
};

// Keys below a prefix of etcd, each an endpoint.
struct EtcdEndpoints {
  std::string prefix;
  EtcdAccess access;    // without endpoints: that of providers.etcd, which assemble() puts here
  bool is_own = false;  // it is written here
  friend bool operator==(const EtcdEndpoints&, const EtcdEndpoints&) = default;
};

// A certificate beside those of the listeners.
struct Certificate {
  CertificateFiles files;
  std::vector<std::string> listeners;  // names; empty: all with tls
  Place place;
};

}  // namespace weir::config
