#include <array>
#include <new>
#include <utility>

#include "net/tls/certificate.hpp"
#include "net/tls/file_watch.hpp"
#include "net/tls/settings.hpp"
#include "net/tls/verify_report.hpp"
#include "weir/base/ip.hpp"
#include "weir/net/tls_client.hpp"

namespace weir::net {
namespace {

using Problems = std::vector<config::Problem>;

template <class Parse>
auto parsed(const config::File& file, Problems& problems, Parse parse)
    -> decltype(parse(std::string_view())) {
  auto content = tls::read_file(file.path);
  if (!content) {
    tls::report(problems, file, "cannot be read: " + content.error());
    return std::unexpected(std::string());
  }
  auto out = parse(std::string_view(*content));
  if (!out) tls::report(problems, file, out.error());
  return out;
}

std::vector<std::string> client_paths(const config::UpstreamTls& settings) {
  std::vector<std::string> out;
  for (const config::File* file : {&settings.ca, &settings.cert, &settings.key}) {
    if (*file) out.push_back(file->path);
  }
  return out;
}

}  // namespace

TlsClient::TlsClient(const config::UpstreamTls& settings, std::vector<std::string> alpn)
    : settings_(settings),
      alpn_(std::move(alpn)),
      watch_(std::make_unique<tls::FileWatch>(client_paths(settings))) {}

TlsClient::~TlsClient() {
  for (const auto& [endpoint, session] : sessions_) SSL_SESSION_free(session);
  SSL_CTX_free(context_);
}

std::expected<std::shared_ptr<TlsClient>, Problems> TlsClient::open(
    const config::UpstreamTls& settings, std::vector<std::string> alpn) {
  std::shared_ptr<TlsClient> out(new TlsClient(settings, std::move(alpn)));
  Problems problems = out->read();
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return out;
}

Problems TlsClient::read() {
  Problems problems;
  ERR_clear_error();
  context_ = SSL_CTX_new(TLS_client_method());
  if (context_ == nullptr) throw std::bad_alloc();
  tls::apply_common(context_, config::TlsVersion::tls12);
  SSL_CTX_set_verify(context_, settings_.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                     settings_.verify ? tls::report_verification : nullptr);
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context_, on_ticket);
  std::string wire;
  for (const std::string& protocol : alpn_) {
    wire += static_cast<char>(protocol.size());
    wire += protocol;
  }
  SSL_CTX_set_alpn_protos(context_, reinterpret_cast<const unsigned char*>(wire.data()),
                          static_cast<unsigned>(wire.size()));
  if (settings_.ca) {
    if (const auto chain = parsed(settings_.ca, problems, tls::parse_chain)) {
      X509_STORE* const store = SSL_CTX_get_cert_store(context_);
      for (const auto& one : *chain) X509_STORE_add_cert(store, one.get());
      // Whoever stands in the file is trusted, also one that is not its own issuer.
      X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    }
  } else if (settings_.verify) {
    SSL_CTX_set_default_verify_paths(context_);
  }
  if (settings_.cert) {
    const auto chain = parsed(settings_.cert, problems, tls::parse_chain);
    const auto key = parsed(settings_.key, problems, tls::parse_key);
    if (chain && key && !tls::belongs_to(*chain->front(), **key)) {
      tls::report(problems, settings_.key,
                  "the key does not belong to the certificate in '" + settings_.cert.name + "'");
    } else if (chain && key) {
      STACK_OF(X509)* const others = sk_X509_new_null();
      for (std::size_t i = 1; i < chain->size(); ++i) sk_X509_push(others, (*chain)[i].get());
      if (SSL_CTX_use_cert_and_key(context_, chain->front().get(), key->get(), others, 1) != 1) {
        tls::report(problems, settings_.cert, "cannot be used: " + tls::take_error());
      }
      sk_X509_free(others);
    }
  }
  ERR_clear_error();
  return problems;
}

std::unique_ptr<TlsSession> TlsClient::connect(BufferPool& pool, const std::string& endpoint,
                                               std::string_view host, bool http1_only) {
  tls::Owned<SSL> owned(SSL_new(context_));
  if (!owned) throw std::bad_alloc();
  SSL* const ssl = owned.get();
  SSL_set_connect_state(ssl);
  const std::string name(settings_.server_name.empty() ? host
                                                       : std::string_view(settings_.server_name));
  const bool is_address = IpAddress::parse(name).has_value();
  if (is_address) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str());
  } else if (!name.empty()) {
    // An address is never sent as a server's name (RFC 6066 section 3).
    SSL_set_tlsext_host_name(ssl, name.c_str());
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl, name.c_str());
  }
  if (http1_only) {
    static constexpr std::array<unsigned char, 9> offer{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    SSL_set_alpn_protos(ssl, offer.data(), offer.size());
  }
  {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(endpoint);
    if (found != sessions_.end()) SSL_set_session(ssl, found->second);
  }
  auto session = std::make_unique<TlsSession>(ssl, pool, shared_from_this());
  static_cast<void>(owned.release());
  session->on_ticket = [this, endpoint](void* ticket) {
    keep(endpoint, static_cast<SSL_SESSION*>(ticket));
  };
  return session;
}

// Becomes the owner of `session`.
void TlsClient::keep(const std::string& endpoint, ssl_session_st* session) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    if (sessions_.size() >= most_sessions && !sessions_.contains(endpoint)) {
      SSL_SESSION_free(sessions_.begin()->second);
      sessions_.erase(sessions_.begin());
    }
    ssl_session_st*& kept = sessions_[endpoint];
    SSL_SESSION_free(std::exchange(kept, session));
  } catch (const std::bad_alloc&) {
    SSL_SESSION_free(session);
  }
}

int TlsClient::on_ticket(ssl_st* ssl, ssl_session_st* session) noexcept {
  TlsSession* const at = TlsSession::of(ssl);
  if (at == nullptr || !at->on_ticket) return 0;
  at->on_ticket(session);
  return 1;  // it is ours
}

bool TlsClient::files_changed() { return watch_->changed(); }

}  // namespace weir::net
