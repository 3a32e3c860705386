#include "server/scrapes.hpp"

#include <chrono>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "weir/base/gzip.hpp"

namespace weir::server {
namespace {

// A worker that hangs takes nothing away from who looks for the reason.
constexpr Duration longest_wait_for_counts = std::chrono::milliseconds(250);

AdminAnswer scrape_answer(telemetry::Metrics& metrics, const ScrapeTerms& terms) {
  try {
    AdminAnswer answer{.status = 200,
                       .body = metrics.text(terms.asked),
                       .content_type = std::string(terms.content_type),
                       .headers = {{"vary", "accept, accept-encoding"}}};
    if (terms.gzip) {
      answer.body = gzip(answer.body);
      answer.headers.emplace_back("content-encoding", "gzip");
    }
    return answer;
  } catch (const std::bad_alloc&) {
    return admin_problem(503, "no_memory", "there is not enough memory for the metrics");
  }
}

}  // namespace

void Scrapes::ask(ScrapeTerms terms, Done done) {
  if (stopped_) return;
  auto asked = std::make_shared<const Asked>(std::move(terms), std::move(done));
  if (busy_) return waiting_.push_back(std::move(asked));
  begin(std::move(asked));
}

void Scrapes::begin(std::shared_ptr<const Asked> asked) {
  busy_ = true;
  server_.ask_workers(
      [this, asked = std::move(asked)] {
        telemetry::Metrics& metrics = server_.process().metrics;
        metrics.begin_scrape(Clock::now());
        thread_.run([this, &metrics, asked]() -> Background::Then {
          return [this, asked, answer = scrape_answer(metrics, asked->terms)] {
            ended();
            asked->done(answer);
          };
        });
      },
      longest_wait_for_counts);
}

void Scrapes::ended() {
  busy_ = false;
  if (stopped_ || waiting_.empty()) return;
  auto next = std::move(waiting_.front());
  waiting_.pop_front();
  begin(std::move(next));
}

void Scrapes::stop() {
  stopped_ = true;
  thread_.stop();
  // What they hold may end this object's owner, so they are forgotten last.
  const auto forgotten = std::exchange(waiting_, {});
}

}  // namespace weir::server
