#include <algorithm>
#include <ctime>
#include <iterator>
#include <tuple>
#include <utility>

#include "net/tls/file_watch.hpp"
#include "net/tls/server_set.hpp"
#include "weir/net/tls_server.hpp"

namespace weir::net {
namespace {

using Problems = std::vector<config::Problem>;
using config::WarningName;

// The content of `file`; nothing when it cannot be read.
std::optional<std::string> content_of(const config::File& file, Problems& problems) {
  if (!file.content.empty()) return file.content;
  auto content = tls::read_file(file.path);
  if (content) return std::move(*content);
  tls::report(problems, file, "cannot be read: " + content.error());
  return std::nullopt;
}

constexpr std::int64_t soon = std::int64_t{14} * 24 * 60 * 60;  // seconds

void warn_of_time(const X509& certificate, const config::File& file, Problems& warnings) {
  const std::int64_t now = std::time(nullptr);
  if (tls::ends_at(certificate) < now) {
    tls::report(warnings, file, "the certificate has expired", WarningName::certificate_expired);
  } else if (tls::ends_at(certificate) - now < soon) {
    tls::report(warnings, file, "the certificate ends in less than 14 days",
                WarningName::certificate_ends_soon);
  } else if (tls::begins_at(certificate) > now) {
    tls::report(warnings, file, "the certificate is not valid yet",
                WarningName::certificate_not_yet_valid);
  }
}

bool is_over(const tls::Staple& staple) noexcept {
  return staple.next_update != 0 && staple.next_update < std::time(nullptr);
}

// `before`: what is stapled to the same certificate now, null for nothing.
std::optional<tls::Staple> read_staple(const config::File& file, const X509& certificate,
                                       const tls::Staple* before, Problems& problems,
                                       Problems& warnings) {
  const auto der = content_of(file, problems);
  if (!der) return std::nullopt;
  auto staple = tls::parse_staple(*der, certificate);
  if (!staple) {
    tls::report(problems, file, staple.error());
    return std::nullopt;
  }
  if (is_over(*staple)) {
    // One that still holds is better than a later one that does not.
    const bool kept = before != nullptr && !before->der.empty() && !is_over(*before);
    tls::report(warnings, file,
                kept ? "the OCSP response is out of date, the one before is stapled"
                     : "the OCSP response is out of date and is not stapled",
                WarningName::ocsp_out_of_date);
    if (kept) return *before;
  }
  return std::move(*staple);
}

// Nothing where the pair of before, if there is one, shall stay.
std::shared_ptr<const tls::Pair> read_pair(const config::CertificateFiles& files,
                                           const tls::Pair* before_it, Problems& problems,
                                           Problems& warnings) {
  auto pair = std::make_shared<tls::Pair>();
  const std::size_t before = problems.size();
  if (const auto pem = content_of(files.cert, problems)) {
    auto chain = tls::parse_chain(*pem);
    if (chain) {
      pair->chain = std::move(*chain);
    } else {
      tls::report(problems, files.cert, chain.error());
    }
  }
  if (const auto pem = content_of(files.key, problems)) {
    auto key = tls::parse_key(*pem);
    if (key) {
      pair->key = std::move(*key);
    } else {
      tls::report(problems, files.key, key.error());
    }
  }
  if (problems.size() != before) return nullptr;
  const X509& own = *pair->chain.front();
  if (!tls::belongs_to(own, *pair->key)) {
    tls::report(problems, files.key,
                "the key does not belong to the certificate in '" + files.cert.name + "'");
    return nullptr;
  }
  const bool same = before_it != nullptr && X509_cmp(before_it->chain.front().get(), &own) == 0;
  if (!files.ocsp && tls::must_staple(own)) {
    tls::report(warnings, files.cert,
                "the certificate asks for a stapled OCSP response (must-staple), and there is no "
                "`ocsp`: clients may refuse it",
                WarningName::ocsp_missing);
  }
  if (files.ocsp) {
    auto staple =
        read_staple(files.ocsp, own, same ? &before_it->staple : nullptr, problems, warnings);
    if (staple) {
      pair->staple = std::move(*staple);
    } else if (before_it == nullptr || same) {
      // A new certificate does not wait for its staple: the old one would run out meanwhile.
      return nullptr;
    }
  }
  pair->names = tls::names_of(own);
  warn_of_time(own, files.cert, warnings);
  return pair;
}

std::vector<std::string> server_paths(const config::ListenerTls& settings) {
  std::vector<std::string> out;
  const auto add = [&](const config::File& file) {
    if (file && file.content.empty()) out.push_back(file.path);
  };
  add(settings.client_auth.ca);
  for (const config::CertificateFiles& files : settings.certificates) {
    add(files.cert);
    add(files.key);
    add(files.ocsp);
    if (files.client_auth) add(files.client_auth->ca);
  }
  return out;
}

// The certificates of both lists in one.
config::ListenerTls with_all(config::ListenerTls settings) {
  std::ranges::copy(settings.more, std::back_inserter(settings.certificates));
  return settings;
}

}  // namespace

TlsServer::TlsServer(const config::ListenerTls& settings, std::string_view listener,
                     std::vector<std::string> alpn, TimePoint now)
    : settings_(with_all(settings)),
      own_certificates_(settings.certificates.size()),
      listener_(listener),
      alpn_(std::move(alpn)),
      keys_(std::make_shared<tls::TicketKeys>(now, settings.ticket_rotation)),
      watch_(std::make_unique<tls::FileWatch>(server_paths(settings_))),
      pairs_(settings_.certificates.size()),
      cas_(settings_.certificates.size() + 1),
      refused_(settings_.certificates.size()) {}

TlsServer::~TlsServer() = default;

std::expected<std::unique_ptr<TlsServer>, TlsServer::Problems> TlsServer::open(
    const config::ListenerTls& settings, std::string_view listener, std::vector<std::string> alpn,
    TimePoint now, Problems& warnings) {
  std::unique_ptr<TlsServer> out(new TlsServer(settings, listener, std::move(alpn), now));
  Problems problems = out->read(Read::all, warnings);
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return out;
}

void TlsServer::read_ca(const config::ClientAuth& auth,
                        std::vector<std::shared_ptr<const tls::ClientCa>>& to, std::size_t at,
                        Problems& problems) {
  if (auth.mode == config::ClientAuthMode::off) return;
  auto pem = content_of(auth.ca, problems);
  if (!pem || (to[at] && to[at]->pem == *pem)) return;
  auto chain = tls::parse_chain(*pem);
  if (!chain) return tls::report(problems, auth.ca, chain.error());
  to[at] = std::make_shared<tls::ClientCa>(tls::ClientCa{std::move(*pem), std::move(*chain)});
}

// Whatever was right stays where its successor is not.
TlsServer::Problems TlsServer::read(Read what, Problems& warnings) {
  Problems problems;
  auto pairs = pairs_;
  auto cas = cas_;
  read_ca(settings_.client_auth, cas, 0, problems);
  for (std::size_t i = 0; i < settings_.certificates.size(); ++i) {
    const config::CertificateFiles& files = settings_.certificates[i];
    if (what == Read::refused && !refused_[i]) continue;
    const std::size_t before = problems.size();
    if (files.client_auth) read_ca(*files.client_auth, cas, i + 1, problems);
    auto pair = read_pair(files, pairs_[i].get(), problems, warnings);
    refused_[i] = problems.size() != before;
    if (pair) pairs[i] = std::move(pair);
  }
  for (const auto& pair : pairs) {
    if (!pair) return problems;
  }
  // At the start every CA is there or was complained of.
  if (!set_ && !problems.empty()) return problems;
  if (set_ && !is_other_ && pairs == pairs_ && cas == cas_) return problems;
  auto set = tls::ServerSet::make(settings_, listener_, alpn_, pairs, cas, keys_);
  if (!set) {
    problems.insert(problems.end(), set.error().begin(), set.error().end());
    return problems;
  }
  pairs_ = std::move(pairs);
  cas_ = std::move(cas);
  const std::lock_guard lock(mutex_);
  set_ = std::move(*set);
  return problems;
}

TlsServer::Problems TlsServer::refresh(bool all, bool& changed, Problems& warnings) {
  changed = false;
  const bool fresh = watch_->changed() || all;
  if (!fresh && !refusals_.pending()) return {};
  const auto before = set_;
  Problems read_warnings;
  Problems problems = read(fresh ? Read::all : Read::refused, read_warnings);
  changed = set_ != before;
  if (fresh || changed) std::ranges::move(read_warnings, std::back_inserter(warnings));
  return refusals_.news(std::move(problems), fresh);
}

TlsServer::Problems TlsServer::set_more(const std::vector<config::CertificateFiles>& more,
                                        Problems& warnings) {
  if (settings_.more == more) return {};
  config::ListenerTls next = settings_;
  next.certificates.resize(own_certificates_);
  next.more = more;
  next = with_all(std::move(next));
  // What was read of those that stay is kept, by its place.
  const auto before = std::tuple(settings_, pairs_, cas_, refused_);
  settings_ = std::move(next);
  std::vector<std::shared_ptr<const tls::Pair>> pairs(settings_.certificates.size());
  std::copy_n(pairs_.begin(), own_certificates_, pairs.begin());
  pairs_ = std::move(pairs);
  cas_.resize(settings_.certificates.size() + 1);
  refused_.assign(settings_.certificates.size(), false);
  is_other_ = true;
  Problems problems = read(Read::all, warnings);
  is_other_ = false;
  if (!std::ranges::all_of(pairs_, [](const auto& pair) { return pair != nullptr; })) {
    std::tie(settings_, pairs_, cas_, refused_) = before;
    return problems;
  }
  watch_ = std::make_unique<tls::FileWatch>(server_paths(settings_));
  return problems;
}

void TlsServer::advance(TimePoint now) { keys_->advance(now); }

std::unique_ptr<TlsSession> TlsServer::accept(BufferPool& pool) const {
  std::shared_ptr<const tls::ServerSet> set;
  {
    const std::lock_guard lock(mutex_);
    set = set_;
  }
  return set->accept(pool);
}

std::vector<TlsServer::Certificate> TlsServer::certificates() const {
  const std::lock_guard lock(mutex_);
  return set_->certificates();
}

std::shared_ptr<const TlsFacts> TlsServer::facts(TlsSession& session) {
  auto out = std::make_shared<TlsFacts>();
  out->version = session.version();
  out->sni = session.sni();
  out->resumed = session.resumed();
  if (const X509* client = SSL_get0_peer_certificate(session.ssl())) {
    out->client_identity = tls::client_identity(*client);
  }
  const auto set = std::static_pointer_cast<const tls::ServerSet>(session.keep());
  if (set->has_several_policies()) {
    out->serves = [set, policy = session.policy()](std::string_view host) {
      return set->policy_of(host) == policy;
    };
  }
  return out;
}

}  // namespace weir::net
