// Which listeners there are, with the sockets that are bound for them, and how a reload changes
// them: everything new is bound first, then the workers are told, then what is gone drains by
// itself. Main thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <expected>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/listener_changes.hpp"
#include "server/listener_edition.hpp"
#include "server/tls_files.hpp"
#include "server/worker.hpp"
#include "weir/base/asio.hpp"
#include "weir/config/model.hpp"
#include "weir/net/handed_sockets.hpp"
#include "weir/net/passed_sockets.hpp"
#include "weir/telemetry/metrics.hpp"

namespace weir::server {

// The sockets of all workers on one address. They stay when their listener changes, or when another
// one takes the address over.
struct BoundAddress {
  unsigned id = 0;
  config::BindAddress written;
  net::ListenSockets sockets;
  std::string passed_as;  // the listener's name under which they were passed; "" for none
};

struct BoundListener {
  EditionPtr edition;
  std::vector<std::shared_ptr<BoundAddress>> addresses;
};

// A listener that is gone while connections of it are left.
struct DrainingListener {
  std::string name;
  std::int64_t connections = 0;
};

class Listening {
 public:
  using Lines = std::vector<std::string>;
  class Plan;

  // `workers`: those that serve, made before the first commit().
  Listening(asio::io_context& main, const std::vector<std::unique_ptr<Worker>>& workers);
  ~Listening();

  // `take_over`: another gateway may have the addresses. To be called before the first prepare().
  void begin(net::PassedSockets passed, bool take_over, unsigned workers);
  // Says which of the passed sockets nobody took, and closes them.
  void drop_passed();

  // --- one process hands over to another (listening_handed.cpp)
  // The sockets with descriptors of their own; or which could not be copied.
  std::expected<std::vector<net::HandedSockets>, std::string> handed() const;
  // The admin socket of the process before, if it was bound as `asked`.
  std::optional<net::ListenSockets> take_admin_socket(std::string_view asked) {
    return passed_.take_handed(net::HandedFor::admin, "", asked);
  }
  // The process before has let go: closes those of its sockets that nobody took.
  void give_up_handed();

  // Binds what `next` needs and is not bound yet; nothing that serves is touched. Fails with a line
  // for each address that cannot be had. A plan that is not committed gives up what it has bound.
  std::expected<std::unique_ptr<Plan>, Lines> prepare(const std::vector<config::Listener>& next);
  // What it does to the listeners, by name.
  static const ListenerChanges& changes(const Plan& plan) noexcept;

  // The first one: the listeners are there, nobody accepts yet. `tls` of listeners by name, of
  // those that have it and are new or have other settings than before.
  void put_in_force(std::unique_ptr<Plan> plan, const TlsServers& tls, telemetry::Metrics& metrics);
  // For Worker::listen(), after put_in_force(); once for each worker.
  std::vector<NewSocket> sockets_of(unsigned worker);
  // A later one: calls `done` when every worker serves the new listeners. Those that are gone drain
  // from then on, for `drain_timeout` at most. REQUIRES: the workers run, and have adopted the
  // configuration.
  void commit(std::unique_ptr<Plan> plan, const TlsServers& tls, telemetry::Metrics& metrics,
              Duration drain_timeout, std::function<void()> done);

  // In the configuration's order.
  const std::vector<BoundListener>& listeners() const noexcept { return listeners_; }
  // Those with TLS.
  std::vector<EditionPtr> sealed() const;
  std::vector<DrainingListener> draining() const;
  // Removes the files of unix: sockets: the process ends. `held`: those that the process before
  // has handed over are still its own.
  void unlink_all(bool held) const;
  // Nothing is timed any more.
  void stop();

 private:
  struct Retired;

  std::shared_ptr<BoundAddress> claim(Plan& plan, const config::Listener& listener,
                                      const config::BindAddress& written) const;
  void bind(Plan& plan, const config::Listener& listener, BoundListener& to, Lines& problems);
  // At the start, when a service manager's may be among them.
  void bind_first(Plan& plan, const config::Listener& listener, BoundListener& to, Lines& problems);
  net::Sharing sharing_of(const config::BindAddress& address) const;
  unsigned free_number(const Plan& plan) const;
  EditionPtr make_edition(const Plan& plan, std::size_t index, const TlsServers& tls,
                          telemetry::Metrics& metrics) const;
  NewSocket socket_for(BoundAddress& address, const EditionPtr& edition, std::size_t index) const;
  // What is bound for nobody any more is closed, then the listeners that are gone drain.
  void close(std::vector<std::shared_ptr<BoundAddress>> addresses, std::vector<EditionPtr> retired,
             Duration drain_timeout);
  void retire(const EditionPtr& edition, Duration drain_timeout);
  void cut(Retired& retired);
  // `what` posts to a worker; `done` when all have answered.
  void tell_workers(const std::function<void(Worker&, unsigned, std::function<void()>)>& what,
                    std::function<void()> done);

  asio::io_context& main_;
  const std::vector<std::unique_ptr<Worker>>& workers_;
  net::PassedSockets passed_;
  bool take_over_ = false;
  unsigned worker_count_ = 0;
  unsigned next_address_ = 0;
  std::vector<BoundListener> listeners_;
  // A service manager's, which no listener has now: only it could bind them anew.
  std::vector<std::shared_ptr<BoundAddress>> spare_;
  std::vector<std::shared_ptr<BoundAddress>> closing_;
  std::vector<EditionPtr> leaving_;  // gone, their sockets are being closed
  std::list<Retired> retired_;       // gone, their connections drain
  bool stopped_ = false;
};

}  // namespace weir::server
