#include "names/dns_client.hpp"

#include <ares.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <new>
#include <span>
#include <utility>

namespace weir::names {
namespace {

constexpr int internet = 1;  // the class of all records here

DnsReply reply_of(int status, std::span<const std::uint8_t> message, const std::string& name,
                  RecordType type) {
  DnsReply out;
  // With a message c-ares tells what the server said, in words of its own.
  if (!message.empty()) {
    auto answer = parse_answer(message, name, type);
    if (!answer) {
      out.error = "a malformed answer: " + answer.error();
    } else if (answer->code == DnsAnswer::no_error || answer->code == DnsAnswer::no_such_name) {
      out.end = DnsReply::End::answered;
      out.answer = std::move(*answer);
    } else {
      out.error = "the name server answers with code " + std::to_string(answer->code);
    }
    return out;
  }
  if (status == ARES_ETIMEOUT) {
    out.end = DnsReply::End::timed_out;
    out.error = "no name server answered";
  } else if (status == ARES_ECONNREFUSED) {
    out.error = "no name server can answer (server failure, refused, or not reachable)";
  } else {
    out.error = ::ares_strerror(status);
  }
  return out;
}

}  // namespace

struct DnsClient::Query {
  std::shared_ptr<DnsClient> client;
  std::string name;
  RecordType type;
  Done done;
};

// A descriptor of c-ares, which closes it.
struct DnsClient::Socket {
  Socket(asio::io_context& main, int socket) : descriptor(main, socket), number(socket) {}
  ~Socket() { release(); }
  void release() {
    if (std::exchange(open, false)) descriptor.release();
  }

  asio::posix::stream_descriptor descriptor;
  const int number;
  bool open = true;
  bool reads = false;  // what c-ares waits for
  bool writes = false;
  bool awaits_read = false;  // what is waited for
  bool awaits_write = false;
};

DnsClient::DnsClient(asio::io_context& main, Private) : main_(main), timer_(main) {}

DnsClient::~DnsClient() {
  closed_ = true;
  if (channel_ != nullptr) ::ares_destroy(channel_);
}

std::expected<std::shared_ptr<DnsClient>, std::string> DnsClient::open(asio::io_context& main,
                                                                       const ResolvConf& conf) {
  static const int initialised = ::ares_library_init(ARES_LIB_INIT_ALL);
  if (initialised != ARES_SUCCESS)
    return std::unexpected(std::string(::ares_strerror(initialised)));
  auto out = std::make_shared<DnsClient>(main, Private());
  ares_options options{};
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | (conf.tcp ? ARES_FLAG_USEVC : 0);
  options.timeout =
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(conf.timeout).count());
  options.tries = static_cast<int>(conf.attempts);
  options.sock_state_cb = &DnsClient::socket_changed;
  options.sock_state_cb_data = out.get();
  // It shall read no file of its own.
  std::string no_file = "/dev/null";
  std::string dns_alone = "b";
  options.resolvconf_path = no_file.data();
  options.lookups = dns_alone.data();
  const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
                   ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS | ARES_OPT_RESOLVCONF |
                   (conf.rotate ? ARES_OPT_ROTATE : ARES_OPT_NOROTATE);
  if (const int failed = ::ares_init_options(&out->channel_, &options, mask);
      failed != ARES_SUCCESS) {
    out->channel_ = nullptr;
    return std::unexpected(std::string(::ares_strerror(failed)));
  }
  std::string servers;
  for (const std::string& server : conf.servers) {
    servers += (servers.empty() ? "" : ",") + server;
  }
  if (const int failed = ::ares_set_servers_ports_csv(out->channel_, servers.c_str());
      failed != ARES_SUCCESS) {
    return std::unexpected("the name servers cannot be used: " +
                           std::string(::ares_strerror(failed)));
  }
  return out;
}

void DnsClient::ask(const std::string& name, RecordType type, Done done) {
  if (closed_) return;
  const auto self = shared_from_this();
  auto query = std::make_unique<Query>(Query{self, name, type, std::move(done)});
  ::ares_query(channel_, query->name.c_str(), internet, static_cast<int>(type),
               &DnsClient::answered, query.get());
  // It is answered()'s, and may be gone already.
  (void)query.release();
  set_timer();
}

void DnsClient::close() {
  if (std::exchange(closed_, true)) return;
  const auto self = shared_from_this();
  timer_.cancel();
  ::ares_cancel(channel_);
  for (const auto& [number, socket] : sockets_) socket->release();
  sockets_.clear();
}

// Called by c-ares, once for each query; nothing may be thrown through it.
void DnsClient::answered(void* argument, int status, int /*timeouts*/, unsigned char* message,
                         int size) {
  std::unique_ptr<Query> query(static_cast<Query*>(argument));
  DnsClient& client = *query->client;
  if (client.closed_) return;
  try {
    const std::span<const std::uint8_t> bytes(
        message, message == nullptr || size < 0 ? 0 : static_cast<std::size_t>(size));
    DnsReply reply = reply_of(status, bytes, query->name, query->type);
    asio::post(client.main_, [query = std::move(query), reply = std::move(reply)]() mutable {
      if (!query->client->closed_) query->done(std::move(reply));
    });
  } catch (const std::exception&) {
    // Who asked has a limit of time.
  }
}

void DnsClient::socket_changed(void* argument, int number, int readable, int writable) {
  auto& client = *static_cast<DnsClient*>(argument);
  try {
    const auto found = client.sockets_.find(number);
    if (readable == 0 && writable == 0) {
      if (found == client.sockets_.end()) return;
      found->second->release();
      client.sockets_.erase(found);
      return;
    }
    if (client.closed_) return;
    const std::shared_ptr<Socket> socket =
        found != client.sockets_.end()
            ? found->second
            : client.sockets_.emplace(number, std::make_shared<Socket>(client.main_, number))
                  .first->second;
    socket->reads = readable != 0;
    socket->writes = writable != 0;
    client.watch(socket);
  } catch (const std::exception&) {
    // Its questions end with their time.
  }
}

void DnsClient::watch(const std::shared_ptr<Socket>& socket) {
  const auto wait = [&](bool wanted, bool& awaited, asio::posix::descriptor_base::wait_type what) {
    if (!wanted || awaited || !socket->open) return;
    awaited = true;
    socket->descriptor.async_wait(what, [this, alive = weak_from_this(), socket,
                                         what](boost::system::error_code failure) {
      const bool reads = what == asio::posix::descriptor_base::wait_read;
      (reads ? socket->awaits_read : socket->awaits_write) = false;
      const auto self = alive.lock();
      if (failure || !self || closed_ || !socket->open) return;
      process(reads ? socket->number : ARES_SOCKET_BAD, reads ? ARES_SOCKET_BAD : socket->number);
      if (socket->open) watch(socket);
    });
  };
  wait(socket->reads, socket->awaits_read, asio::posix::descriptor_base::wait_read);
  wait(socket->writes, socket->awaits_write, asio::posix::descriptor_base::wait_write);
}

void DnsClient::process(int readable, int writable) {
  const auto self = shared_from_this();
  ::ares_process_fd(channel_, readable, writable);
  set_timer();
}

// For questions that are to be asked again, or whose time is over.
void DnsClient::set_timer() {
  timeval left{};
  if (closed_ || ::ares_timeout(channel_, nullptr, &left) == nullptr) {
    timer_.cancel();
    return;
  }
  timer_.expires_after(std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec) +
                       std::chrono::milliseconds(1));
  timer_.async_wait([this, alive = weak_from_this()](boost::system::error_code failure) {
    if (failure) return;
    if (const auto self = alive.lock(); self && !closed_) process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  });
}

}  // namespace weir::names
