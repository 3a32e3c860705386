// Scrapes of the metrics, one after the other: what only the main thread may ask is asked there,
// the text is made and compressed by a thread of its own. So neither a worker nor a probe waits for
// a scrape, however large it is. Main thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "server/admin_answer.hpp"
#include "server/background.hpp"
#include "server/scrape_terms.hpp"
#include "weir/base/asio.hpp"
#include "weir/server/server.hpp"

namespace weir::server {

class Scrapes {
 public:
  using Done = std::function<void(AdminAnswer)>;

  Scrapes(asio::io_context& main, Server& server) : server_(server), thread_(main) {}

  // `done` is called once, later, on the main thread, behind whatever the workers have done by now:
  // who has read an answer finds it counted.
  void ask(ScrapeTerms terms, Done done);
  // Answers that are still to come do not.
  void stop();

 private:
  struct Asked {
    ScrapeTerms terms;
    Done done;
  };
  // Holds `asked` until its answer, and so whoever owns this.
  void begin(std::shared_ptr<const Asked> asked);
  void ended();

  Server& server_;
  Background thread_;
  bool busy_ = false;
  bool stopped_ = false;
  std::deque<std::shared_ptr<const Asked>> waiting_;
};

}  // namespace weir::server
