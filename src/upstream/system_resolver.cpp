#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <utility>
#include <vector>

#include "weir/upstream/discovery.hpp"

namespace weir::upstream {
namespace {

using asio::ip::tcp;

class SystemResolver final : public Resolver {
 public:
  explicit SystemResolver(asio::io_context& main) : resolver_(main) {}

  void resolve(const std::string& host, std::uint16_t port, Done done) override {
    // The port is ours, not the name of a service.
    resolver_.async_resolve(
        host, std::to_string(port), tcp::resolver::numeric_service,
        [done = std::move(done), alive = std::weak_ptr(alive_)](
            boost::system::error_code failure, const tcp::resolver::results_type& found) mutable {
          if (alive.expired()) return;
          std::vector<SocketAddress> addresses;
          for (const auto& entry : found) {
            const tcp::endpoint& endpoint = entry.endpoint();
            addresses.push_back(
                SocketAddress::from(endpoint.data(), static_cast<socklen_t>(endpoint.size())));
          }
          done(failure ? failure.message() : std::string(), std::move(addresses));
        });
  }

  void stop() override {
    alive_.reset();
    resolver_.cancel();
  }

 private:
  tcp::resolver resolver_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace

std::unique_ptr<Resolver> make_system_resolver(asio::io_context& main) {
  return std::make_unique<SystemResolver>(main);
}

}  // namespace weir::upstream
