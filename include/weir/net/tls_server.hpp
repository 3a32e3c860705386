// A listener's side of TLS: its certificates, chosen by SNI, and its ticket keys. One a listener,
// shared by the workers; files are read on the main thread and what came of them is swapped in.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/buffer.hpp"
#include "weir/base/time.hpp"
#include "weir/config/loader.hpp"
#include "weir/config/tls.hpp"
#include "weir/http/tls_facts.hpp"
#include "weir/net/file_refusals.hpp"
#include "weir/net/tls_session.hpp"

namespace weir::net {

namespace tls {
class ServerSet;
class TicketKeys;
struct Pair;
struct ClientCa;
class FileWatch;
}  // namespace tls

class TlsServer {
 public:
  using Problems = std::vector<config::Problem>;
  // What a certificate is for ("-" where it names nobody), and until when in seconds since the
  // epoch.
  struct Certificate {
    std::vector<std::string> names;
    std::int64_t ends_at = 0;
  };

  // Opens every file; fails with all that is wrong. What a user should know of goes to `warnings`.
  // `alpn`: the protocols offered, the preferred first. Blocks: main thread.
  static std::expected<std::unique_ptr<TlsServer>, Problems> open(
      const config::ListenerTls& settings, std::string_view listener, std::vector<std::string> alpn,
      TimePoint now, Problems& warnings);
  ~TlsServer();

  // --- any thread
  // A session for an accepted socket.
  std::unique_ptr<TlsSession> accept(BufferPool& pool) const;
  // What its handshake found out.
  static std::shared_ptr<const TlsFacts> facts(TlsSession& session);

  // --- main thread
  // Looks whether files have changed and takes what is right of them, a pair of certificate and key
  // only together (a new one also where its OCSP response is wrong); what is wrong is returned, and
  // stays as it was, to be tried again at the next call. `changed` tells whether anything was
  // taken. With `all` the files are read in any case.
  Problems refresh(bool all, bool& changed, Problems& warnings);
  // Rotates the ticket keys when it is time.
  void advance(TimePoint now);
  // Other certificates beside those of `settings.certificates` (`more`), all or none; what is wrong
  // with them is returned, and the old ones stay. Sessions and tickets live on.
  Problems set_more(const std::vector<config::CertificateFiles>& more, Problems& warnings);
  std::vector<Certificate> certificates() const;

 private:
  TlsServer(const config::ListenerTls& settings, std::string_view listener,
            std::vector<std::string> alpn, TimePoint now);
  enum class Read : std::uint8_t { all, refused };  // the entries that were refused the last time
  Problems read(Read what, Problems& warnings);
  void read_ca(const config::ClientAuth& auth,
               std::vector<std::shared_ptr<const tls::ClientCa>>& to, std::size_t at,
               Problems& problems);

  config::ListenerTls settings_;  // its `certificates` are those of `more`, too
  std::size_t own_certificates_;  // without these
  const std::string listener_;
  const std::vector<std::string> alpn_;
  const std::shared_ptr<tls::TicketKeys> keys_;
  std::unique_ptr<tls::FileWatch> watch_;
  FileRefusals refusals_;
  std::vector<std::shared_ptr<const tls::Pair>> pairs_;    // of each entry the last that was right
  std::vector<std::shared_ptr<const tls::ClientCa>> cas_;  // the listener's first, null for none
  std::vector<bool> refused_;                              // something of the entry was not taken
  bool is_other_ = false;                                  // the list of certificates is
  mutable std::mutex mutex_;
  std::shared_ptr<const tls::ServerSet> set_;  // guarded by mutex_
};

}  // namespace weir::net
