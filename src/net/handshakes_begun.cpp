#include "net/handshakes_begun.hpp"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace weir::net {
namespace {

struct Request {
  nlmsghdr header{};
  inet_diag_req_v2 wanted{};
};

bool ask(int fd, int family, std::uint16_t port) {
  Request request;
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.wanted.sdiag_family = static_cast<std::uint8_t>(family);
  request.wanted.sdiag_protocol = IPPROTO_TCP;
  request.wanted.idiag_states = 1u << TCP_SYN_RECV;
  request.wanted.id.idiag_sport = htons(port);
  return ::send(fd, &request, sizeof request, 0) == static_cast<ssize_t>(sizeof request);
}

// The first message tells: a connection, or the end of the list.
std::optional<bool> answer(int fd) {
  alignas(nlmsghdr) std::array<std::byte, 32768> bytes;
  const ssize_t length = ::recv(fd, bytes.data(), bytes.size(), 0);
  if (length < static_cast<ssize_t>(sizeof(nlmsghdr))) return std::nullopt;
  nlmsghdr first;
  std::memcpy(&first, bytes.data(), sizeof first);
  if (first.nlmsg_type == SOCK_DIAG_BY_FAMILY) return true;
  if (first.nlmsg_type == NLMSG_DONE) return false;
  return std::nullopt;
}

}  // namespace

std::optional<bool> handshakes_begun(int family, std::uint16_t port) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) return std::nullopt;
  const std::optional<bool> begun = ask(fd, family, port) ? answer(fd) : std::nullopt;
  ::close(fd);
  return begun;
}

}  // namespace weir::net
