// A listener's certificates as OpenSSL contexts, one for each set of certificates that serve the
// same names. Immutable; each session keeps the set that it began with.
#pragma once

#include <array>
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/tls/certificate.hpp"
#include "net/tls/server_names.hpp"
#include "net/tls/ticket_keys.hpp"
#include "weir/config/tls.hpp"
#include "weir/net/tls_server.hpp"

namespace weir::net::tls {

// A certificate with its key, as read.
struct Pair {
  Chain chain;
  Owned<EVP_PKEY> key;
  std::vector<std::string> names;
  Staple staple;
};

// Who may sign client certificates.
struct ClientCa {
  std::string pem;
  Chain certificates;
};

class ServerSet : public std::enable_shared_from_this<ServerSet> {
 public:
  using Problems = TlsServer::Problems;

  // `pairs` and `cas` (the listener's first) as TlsServer has them, null where there is none.
  static std::expected<std::shared_ptr<const ServerSet>, Problems> make(
      const config::ListenerTls& settings, std::string_view listener,
      const std::vector<std::string>& alpn, std::vector<std::shared_ptr<const Pair>> pairs,
      const std::vector<std::shared_ptr<const ClientCa>>& cas, std::shared_ptr<TicketKeys> keys);

  std::unique_ptr<TlsSession> accept(BufferPool& pool) const;
  unsigned policy_of(std::string_view host) const { return groups_[names_.find(host)].policy; }
  bool has_several_policies() const noexcept { return policies_.size() > 1; }
  std::vector<TlsServer::Certificate> certificates() const;

 private:
  friend struct ServerCallbacks;
  struct Policy {
    config::ClientAuthMode mode = config::ClientAuthMode::off;
    const ClientCa* ca = nullptr;             // of cas, until make() returns
    std::array<unsigned char, 32> context{};  // sessions are resumed within it alone
  };
  struct Group {
    Owned<SSL_CTX> context;
    unsigned policy = 0;
  };
  ServerSet() = default;
  unsigned policy_for(const config::ListenerTls& settings, std::size_t entry,
                      const std::vector<std::shared_ptr<const ClientCa>>& cas,
                      std::string_view listener);
  std::expected<Owned<SSL_CTX>, std::string> make_context(const config::ListenerTls& settings,
                                                          const std::vector<std::size_t>& entries,
                                                          const Policy& policy);
  void choose(SSL* ssl, std::string_view name) const;

  std::vector<std::shared_ptr<const Pair>> pairs_;
  std::shared_ptr<TicketKeys> keys_;
  std::string alpn_;  // as on the wire, the preferred first
  std::vector<Policy> policies_;
  std::vector<Group> groups_;
  ServerNames names_;
  std::uint32_t default_ = 0;
  std::map<const X509*, const Staple*> staples_;
};

}  // namespace weir::net::tls
