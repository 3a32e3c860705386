// A server and a client whose certificates were made for the test, and streams between them.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "net/loop_run.hpp"
#include "net/sockets.hpp"
#include "weir/config/tls.hpp"
#include "weir/net/stream.hpp"
#include "weir/net/tls_client.hpp"
#include "weir/net/tls_server.hpp"

namespace weir::net {

// A folder with one.crt and one.key for one.example, its own authority; removed at the end.
class TlsFolder {
 public:
  TlsFolder() {
    path_ = testing::TempDir() + "weir-unit-tls-XXXXXX";
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
    const std::string command =
        "cd " + path_ +
        " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=one -addext subjectAltName=DNS:one.example,DNS:*.one.example "
        "-keyout one.key -out one.crt 2>/dev/null"
        " && openssl ecparam -name prime256v1 -genkey -noout -out other.key 2>/dev/null"
        " && openssl ec -in one.key -aes256 -passout pass:x -out locked.key 2>/dev/null";
    EXPECT_EQ(std::system(command.c_str()), 0);
  }
  TlsFolder(const TlsFolder&) = delete;
  TlsFolder& operator=(const TlsFolder&) = delete;
  ~TlsFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

// Made once a process.
inline const std::string& tls_folder() {
  static const TlsFolder folder;
  return folder.path();
}

inline config::File tls_file(const std::string& name) {
  return {name, tls_folder() + "/" + name, {"weir.yaml", 1, 2}, "tls." + name};
}

inline config::ListenerTls server_settings(const std::string& key = "one.key") {
  config::ListenerTls out;
  out.certificates.push_back({tls_file("one.crt"), tls_file(key), {}, std::nullopt});
  return out;
}

struct TlsPair {
  config::ListenerTls settings = server_settings();
  std::unique_ptr<TlsServer> server;
  std::shared_ptr<TlsClient> client;

  // `alpn`: what both speak.
  explicit TlsPair(const std::string& alpn = "http/1.1") {
    TlsServer::Problems warnings;
    server = std::move(*TlsServer::open(settings, "test", {alpn}, Clock::now(), warnings));
    config::UpstreamTls trust;
    trust.ca = tls_file("one.crt");
    client = *TlsClient::open(trust, {alpn});
  }

  // Both handshakes at the same time.
  Task<std::pair<Io, Io>> handshake(Loop& loop, Stream& near, Stream& far,
                                    std::string_view host = "one.example") {
    near.start_tls(server->accept(loop.buffers()));
    far.start_tls(client->connect(loop.buffers(), "endpoint", host));
    Io server_done = Io::error;
    TaskGroup group(loop);
    const auto accept = [](Stream& stream, Loop& on, Io& done) -> Task<> {
      done = co_await stream.handshake(on.now() + std::chrono::seconds(10));
    };
    group.spawn(accept(near, loop, server_done));
    const Io client_done = co_await far.handshake(loop.now() + std::chrono::seconds(10));
    co_await group.join();
    co_return std::pair(server_done, client_done);
  }
};

}  // namespace weir::net
