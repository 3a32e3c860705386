// Asks name servers over UDP and TCP: c-ares on the main thread's io_context. What they answer is
// read by our own parser, as c-ares tells neither how long SRV records hold nor negative answers.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "weir/base/asio.hpp"
#include "weir/names/dns_message.hpp"
#include "weir/names/resolv_conf.hpp"

struct ares_channeldata;

namespace weir::names {

struct DnsReply {
  enum class End : std::uint8_t {
    answered,   // by a server that can answer: also that there is nothing
    failed,     // servers answer that they cannot, or cannot be reached
    timed_out,  // none answered
  };
  End end = End::failed;
  std::string error;  // unless answered
  DnsAnswer answer;
};

// Lives as long as somebody holds it or a question of it is under way. Main thread.
class DnsClient : public std::enable_shared_from_this<DnsClient> {
  struct Private {};

 public:
  using Done = std::move_only_function<void(DnsReply)>;

  // Of `conf` the servers and how they are asked.
  static std::expected<std::shared_ptr<DnsClient>, std::string> open(asio::io_context& main,
                                                                     const ResolvConf& conf);
  DnsClient(asio::io_context& main, Private);
  ~DnsClient();
  DnsClient(const DnsClient&) = delete;
  DnsClient& operator=(const DnsClient&) = delete;

  // One server after the other, and over TCP where an answer was too long for UDP. `done` is never
  // called from within; not at all after close() or when there is no memory.
  void ask(const std::string& name, RecordType type, Done done);
  void close();

 private:
  struct Query;
  struct Socket;
  static void answered(void* query, int status, int timeouts, unsigned char* message, int size);
  static void socket_changed(void* client, int socket, int readable, int writable);

  void watch(const std::shared_ptr<Socket>& socket);
  void process(int readable, int writable);
  void set_timer();

  asio::io_context& main_;
  asio::steady_timer timer_;
  ares_channeldata* channel_ = nullptr;
  std::map<int, std::shared_ptr<Socket>> sockets_;
  bool closed_ = false;
};

}  // namespace weir::names
