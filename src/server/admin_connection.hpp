// A connection to the admin address, from its first bytes to its end: HTTP/1.1 by Beast, bounded in
// sizes and time. Main thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "server/admin_api.hpp"
#include "server/admin_guard.hpp"
#include "server/admin_places.hpp"
#include "server/admin_watch.hpp"
#include "weir/base/asio.hpp"

namespace weir::server {

// What all connections share.
struct AdminService {
  AdminService(asio::io_context& main_, Server& server_)
      : main(main_), server(server_), api(main_, server_) {}

  // `local`: of connections that came by loopback or a unix: path.
  AdminPolicy policy(bool local) const;

  asio::io_context& main;
  Server& server;
  AdminApi api;
  AdminPlaces places{64, 64 * 1024 * 1024};
  AdminWatches watches;
};

// Serves requests until the peer leaves, is too slow, or is sent away for somebody else. `local` as
// of policy().
asio::awaitable<void> serve_admin(std::shared_ptr<AdminService> service,
                                  AdminProtocol::socket socket, bool local);

}  // namespace weir::server
