#include "server/reloads.hpp"

#include <utility>

namespace weir::server {
namespace {

Reloads::Problems one_problem(const char* message) {
  return {{.place = {}, .path = {}, .message = message}};
}

}  // namespace

void Reloads::ask(Done done) {
  if (stopped_) return done(one_problem("shutting down"));
  if (waiting_.size() >= most_waiting)
    return done(one_problem("too many reloads are waiting already"));
  waiting_.push_back(std::move(done));
  next();
}

void Reloads::open() {
  open_ = true;
  next();
}

void Reloads::next() {
  if (!open_ || running_ || stopped_ || waiting_.empty()) return;
  running_ = true;
  asked_ = std::exchange(waiting_, {});
  begin_();
}

void Reloads::end(const Problems& problems) {
  running_ = false;
  tell(std::exchange(asked_, {}), problems);
  next();
}

void Reloads::stop() {
  stopped_ = true;
  tell(std::exchange(asked_, {}), one_problem("shutting down"));
  tell(std::exchange(waiting_, {}), one_problem("shutting down"));
}

void Reloads::tell(std::vector<Done> all, const Problems& problems) {
  for (const Done& done : all) done(problems);
}

}  // namespace weir::server
