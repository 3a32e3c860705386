// What the admin address answers: `endpoints` (admin_endpoints.cpp) lists all of it. No sockets
// here. Main thread; a thread beside it reads and prints whole configurations.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/admin_answer.hpp"
#include "server/background.hpp"
#include "server/scrapes.hpp"
#include "weir/base/asio.hpp"
#include "weir/server/server.hpp"

namespace weir::server {

// A request whose endpoint is known.
struct AdminCall {
  const AdminRequest& request;
  std::vector<std::string> names;  // segments in the places of NAME and ADDRESS, percent-decoded
};

class AdminApi {
 public:
  using Done = std::function<void(AdminAnswer)>;

  enum class Body : std::uint8_t { none, optional, required };
  enum class Access : std::uint8_t { anybody, operators };

  // One method of one path. Every member is told in each row of the table.
  struct Endpoint {
    std::string_view method;  // "GET" serves HEAD, too
    std::string_view path;    // a segment in capitals (NAME) stands for any one segment
    Body body;                // JSON
    Access access;            // anybody: without token, Host and Origin being looked at
    void (AdminApi::*serve)(const AdminCall& call, Done done);
    std::string_view help;  // what docs/operations.md says of it first
  };

  // All endpoints. Lives as long as the process; any thread.
  static std::span<const Endpoint> endpoints() noexcept;

  AdminApi(asio::io_context& main, Server& server)
      : server_(server), background_(main), scrapes_(main, server) {}

  // The guard has let the request pass. `done` is called once, now or later on the main thread.
  void handle(const AdminRequest& request, Done done);
  // Answers that are still to come do not: nothing asks the server any more. Waits for what the
  // thread is at.
  void stop() {
    scrapes_.stop();
    background_.stop();
  }

 private:
  struct Table;

  // `answer` behind whatever the workers have done: who has read an answer finds it counted, and a
  // worker that hangs takes nothing away from who looks for the reason.
  void behind_workers(std::function<AdminAnswer()> answer, Done done);

  void healthz(const AdminCall& call, Done done);
  void readyz(const AdminCall& call, Done done);
  void metrics(const AdminCall& call, Done done);
  void whole_config(const AdminCall& call, Done done);
  void config_diff(const AdminCall& call, Done done);
  // --- admin_history.cpp
  void config_history(const AdminCall& call, Done done);
  void roll_back(const AdminCall& call, Done done);
  void end_roll_back(const AdminCall& call, Done done);
  // --- admin_api.cpp
  void status(const AdminCall& call, Done done);
  void listeners(const AdminCall& call, Done done);
  void routes(const AdminCall& call, Done done);
  void upstreams(const AdminCall& call, Done done);
  void access_log(const AdminCall& call, Done done);
  void explain(const AdminCall& call, Done done);
  void reload(const AdminCall& call, Done done);
  void upgrade(const AdminCall& call, Done done);
  void drain(const AdminCall& call, Done done);
  void undrain(const AdminCall& call, Done done);
  void put_split(const AdminCall& call, Done done);
  void delete_split(const AdminCall& call, Done done);
  void put_endpoint(const AdminCall& call, Done done);
  void delete_endpoint(const AdminCall& call, Done done);
  void put_breaker(const AdminCall& call, Done done);
  void delete_breaker(const AdminCall& call, Done done);
  void put_log_level(const AdminCall& call, Done done);

  // The configuration in use, which keeps its snapshot.
  std::shared_ptr<const config::Config> running();

  Server& server_;
  Background background_;
  Scrapes scrapes_;
};

// Of a reload that was good: the generation, and what it has changed.
AdminAnswer reload_answer(const Server& server);

}  // namespace weir::server
