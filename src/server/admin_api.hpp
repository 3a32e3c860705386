// What the admin address answers, by path and method. Main thread; no sockets here.
#pragma once

#include <functional>

#include "server/admin_answer.hpp"
#include "weir/server/explain.hpp"
#include "weir/server/server.hpp"

namespace weir::server {

class AdminApi {
 public:
  using Done = std::function<void(AdminAnswer)>;

  explicit AdminApi(Server& server) noexcept : server_(server) {}

  // The guard has let the request pass. `done` is called once, now or later on the main thread.
  void handle(const AdminRequest& request, Done done);

 private:
  AdminAnswer config_diff() const;
  AdminAnswer listeners() const;
  AdminAnswer routes() const;
  AdminAnswer upstreams() const;
  AdminAnswer explain(const AdminRequest& request) const;
  LiveState live_state() const;
  AdminAnswer put_split(std::string_view route, const AdminRequest& request);
  AdminAnswer put_endpoint(std::string_view upstream, std::string_view address,
                           const AdminRequest& request);
  AdminAnswer put_breaker(std::string_view upstream, const AdminRequest& request);
  AdminAnswer put_log_level(const AdminRequest& request);
  void reload(Done done);

  Server& server_;
};

}  // namespace weir::server
