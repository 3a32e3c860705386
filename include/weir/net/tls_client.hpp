// An upstream's side of TLS: whom it trusts, who it is, and sessions to resume. One an upstream,
// shared by the workers; made anew when its files have changed.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weir/base/buffer.hpp"
#include "weir/config/loader.hpp"
#include "weir/config/tls.hpp"
#include "weir/net/tls_session.hpp"

struct ssl_ctx_st;
struct ssl_session_st;

namespace weir::net {

namespace tls {
class FileWatch;
}

class TlsClient : public std::enable_shared_from_this<TlsClient> {
 public:
  // Opens the files; fails with all that is wrong. `alpn`: what is offered, the preferred first.
  // Blocks: main thread.
  static std::expected<std::shared_ptr<TlsClient>, std::vector<config::Problem>> open(
      const config::UpstreamTls& settings, std::vector<std::string> alpn);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  // Any thread. A session for a connection to `endpoint`, whose certificate must be for `host`, a
  // name or an address, unless the settings name another. `http1_only`: nothing else is offered.
  std::unique_ptr<TlsSession> connect(BufferPool& pool, const std::string& endpoint,
                                      std::string_view host, bool http1_only = false);
  // Main thread. Whether a file has become another since the last call.
  bool files_changed();

 private:
  TlsClient(const config::UpstreamTls& settings, std::vector<std::string> alpn);
  std::vector<config::Problem> read();
  void keep(const std::string& endpoint, ssl_session_st* session) noexcept;
  static int on_ticket(ssl_st* ssl, ssl_session_st* session) noexcept;

  // One ticket an endpoint is enough: each connection that resumes brings the next.
  static constexpr std::size_t most_sessions = 1024;

  const config::UpstreamTls settings_;
  const std::vector<std::string> alpn_;
  const std::unique_ptr<tls::FileWatch> watch_;
  ssl_ctx_st* context_ = nullptr;
  std::mutex mutex_;
  std::unordered_map<std::string, ssl_session_st*> sessions_;  // guarded by mutex_, by endpoint
};

}  // namespace weir::net
