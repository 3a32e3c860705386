#include "net/tls/server_set.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <new>
#include <utility>

#include "net/tls/server_callbacks.hpp"
#include "net/tls/settings.hpp"
#include "net/tls/verify_report.hpp"
#include "weir/base/text.hpp"

namespace weir::net::tls {
namespace {

const config::ClientAuth& auth_of(const config::ListenerTls& settings, std::size_t entry) {
  const auto& own = settings.certificates[entry].client_auth;
  return own ? *own : settings.client_auth;
}

// Sessions made under a policy: a ticket of one is none to another.
std::array<unsigned char, 32> session_context(std::string_view listener,
                                              config::ClientAuthMode mode, std::string_view ca) {
  std::string text(listener);
  text += '\0';
  text += static_cast<char>('0' + static_cast<int>(mode));
  text += ca;
  std::array<unsigned char, 32> out{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data());
  return out;
}

int verify_mode(config::ClientAuthMode mode) noexcept {
  switch (mode) {
    case config::ClientAuthMode::off:
      return SSL_VERIFY_NONE;
    case config::ClientAuthMode::optional:
      return SSL_VERIFY_PEER;
    case config::ClientAuthMode::required:
      return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  return SSL_VERIFY_NONE;
}

}  // namespace

std::expected<std::shared_ptr<const ServerSet>, ServerSet::Problems> ServerSet::make(
    const config::ListenerTls& settings, std::string_view listener,
    const std::vector<std::string>& alpn, std::vector<std::shared_ptr<const Pair>> pairs,
    const std::vector<std::shared_ptr<const ClientCa>>& cas, std::shared_ptr<TicketKeys> keys) {
  const std::shared_ptr<ServerSet> out(new ServerSet);
  Problems problems;
  out->pairs_ = std::move(pairs);
  out->keys_ = std::move(keys);
  for (const std::string& protocol : alpn) {
    out->alpn_ += static_cast<char>(protocol.size());
    out->alpn_ += protocol;
  }
  std::vector<unsigned> policies;
  for (std::size_t i = 0; i < out->pairs_.size(); ++i) {
    policies.push_back(out->policy_for(settings, i, cas, listener));
    const Pair& pair = *out->pairs_[i];
    if (!pair.staple.der.empty()) out->staples_.emplace(pair.chain.front().get(), &pair.staple);
  }

  // For each name who serves it: the first of each kind of key.
  std::map<std::string_view, std::vector<std::size_t>> servers;
  for (std::size_t i = 0; i < out->pairs_.size(); ++i) {
    for (const std::string& name : out->pairs_[i]->names) {
      std::vector<std::size_t>& those = servers[name];
      const bool taken = std::ranges::any_of(those, [&](std::size_t other) {
        return EVP_PKEY_get_base_id(out->pairs_[other]->key.get()) ==
               EVP_PKEY_get_base_id(out->pairs_[i]->key.get());
      });
      if (taken) continue;
      if (!those.empty() && policies[those.front()] != policies[i]) {
        const config::File& file = settings.certificates[i].cert;
        problems.push_back({file.place, file.at,
                            "'" + file.name + "' and '" +
                                settings.certificates[those.front()].cert.name +
                                "' are both for '" + name +
                                "', but their client_auth differs; a name can have only one"});
        continue;
      }
      those.push_back(i);
    }
  }
  std::map<std::vector<std::size_t>, std::uint32_t> groups;
  const auto group_of = [&](const std::vector<std::size_t>& entries) {
    const auto [at, fresh] =
        groups.try_emplace(entries, static_cast<std::uint32_t>(out->groups_.size()));
    if (!fresh) return at->second;
    const unsigned policy = policies[entries.front()];
    auto context = out->make_context(settings, entries, out->policies_[policy]);
    if (!context) {
      const config::File& file = settings.certificates[entries.back()].cert;
      problems.push_back(
          {file.place, file.at, "'" + file.name + "' cannot be used: " + context.error()});
      out->groups_.push_back({nullptr, policy});
    } else {
      out->groups_.push_back({std::move(*context), policy});
    }
    return at->second;
  };
  for (const auto& [name, entries] : servers) out->names_.add(name, group_of(entries));
  const Pair& first = *out->pairs_.front();
  out->default_ = first.names.empty() ? group_of({0}) : group_of(servers.at(first.names.front()));
  out->names_.set_default(out->default_);
  // Every entry is tried, also one whose names all belong to others.
  for (std::size_t i = 1; i < out->pairs_.size(); ++i) {
    if (out->pairs_[i]->names.empty()) group_of({i});
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return out;
}

unsigned ServerSet::policy_for(const config::ListenerTls& settings, std::size_t entry,
                               const std::vector<std::shared_ptr<const ClientCa>>& cas,
                               std::string_view listener) {
  Policy policy;
  policy.mode = auth_of(settings, entry).mode;
  if (policy.mode != config::ClientAuthMode::off) {
    const bool own = settings.certificates[entry].client_auth.has_value();
    policy.ca = cas[own ? entry + 1 : 0].get();
  }
  policy.context = session_context(listener, policy.mode,
                                   policy.ca != nullptr ? std::string_view(policy.ca->pem) : "");
  const auto same = std::ranges::find(policies_, policy.context, &Policy::context);
  const auto index = static_cast<unsigned>(same - policies_.begin());
  if (same == policies_.end()) policies_.push_back(policy);
  return index;
}

std::expected<Owned<SSL_CTX>, std::string> ServerSet::make_context(
    const config::ListenerTls& settings, const std::vector<std::size_t>& entries,
    const Policy& policy) {
  ERR_clear_error();
  Owned<SSL_CTX> context(SSL_CTX_new(TLS_server_method()));
  if (!context) throw std::bad_alloc();
  SSL_CTX* const raw = context.get();
  apply_common(raw, settings.min_version);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  // A ticket opens for two rotations at most; TLS 1.3 allows seven days.
  const auto rotation =
      std::chrono::duration_cast<std::chrono::seconds>(settings.ticket_rotation).count();
  SSL_CTX_set_timeout(raw, std::clamp<long>(2 * rotation, 1, 7 * 24 * 3600));
  for (const std::size_t entry : entries) {
    const Pair& pair = *pairs_[entry];
    STACK_OF(X509)* const others = sk_X509_new_null();
    for (std::size_t i = 1; i < pair.chain.size(); ++i) sk_X509_push(others, pair.chain[i].get());
    const bool used =
        SSL_CTX_use_cert_and_key(raw, pair.chain.front().get(), pair.key.get(), others, 1) == 1;
    sk_X509_free(others);
    if (!used) return std::unexpected(take_error());
  }
  SSL_CTX_set_session_id_context(raw, policy.context.data(),
                                 static_cast<unsigned>(policy.context.size()));
  SSL_CTX_set_verify(raw, verify_mode(policy.mode), report_verification);
  if (policy.ca != nullptr) {
    const Owned<X509_STORE> store(X509_STORE_new());
    for (const Owned<X509>& one : policy.ca->certificates) {
      X509_STORE_add_cert(store.get(), one.get());
      SSL_CTX_add_client_CA(raw, one.get());
    }
    // Whoever stands in the file is trusted, also one that is not its own issuer.
    X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set1_verify_cert_store(raw, store.get());
  }
  ServerCallbacks::install(raw, *this);
  return context;
}

std::unique_ptr<TlsSession> ServerSet::accept(BufferPool& pool) const {
  Owned<SSL> ssl(SSL_new(groups_[default_].context.get()));
  if (!ssl) throw std::bad_alloc();
  SSL_set_accept_state(ssl.get());
  auto session = std::make_unique<TlsSession>(ssl.get(), pool, shared_from_this());
  static_cast<void>(ssl.release());
  session->set_policy(groups_[default_].policy);
  return session;
}

void ServerSet::choose(SSL* ssl, std::string_view name) const {
  const Group& group = groups_[name.empty() ? default_ : names_.find(name)];
  const Policy& policy = policies_[group.policy];
  SSL_set_SSL_CTX(ssl, group.context.get());
  SSL_set_verify(ssl, verify_mode(policy.mode), report_verification);
  SSL_set_session_id_context(ssl, policy.context.data(),
                             static_cast<unsigned>(policy.context.size()));
  TlsSession& session = *TlsSession::of(ssl);
  session.set_policy(group.policy);
  session.set_sni(to_lower(name));
}

std::vector<TlsServer::Certificate> ServerSet::certificates() const {
  std::vector<TlsServer::Certificate> out;
  for (const auto& pair : pairs_) {
    out.push_back({pair->names, ends_at(*pair->chain.front())});
    if (pair->names.empty()) out.back().names.emplace_back("-");
  }
  return out;
}

}  // namespace weir::net::tls
