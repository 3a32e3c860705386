#include "server/reloads.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::server {
namespace {

Reloads::Problems one_problem(const char* message) {
  return {{.place = {}, .path = {}, .message = message}};
}

}  // namespace

void Reloads::ask(Done done, Wanted wanted) {
  if (stopped_) return done(one_problem("shutting down"));
  if (waiting_.size() >= most_waiting)
    return done(one_problem("too many reloads are waiting already"));
  waiting_.push_back({std::move(done), std::move(wanted)});
  next();
}

void Reloads::open() {
  open_ = true;
  next();
}

void Reloads::open_for_documents() {
  open_for_documents_ = true;
  next();
}

void Reloads::next() {
  if (running_ || stopped_ || waiting_.empty()) return;
  if (!open_) {
    if (!open_for_documents_) return;
    const auto others = std::ranges::stable_partition(
        waiting_, [](const Asker& each) { return each.wanted.is_of_documents; });
    if (others.begin() == waiting_.begin()) return;
    return take(others.begin());
  }
  // Those that ask for the same, up to the first that asks for something of its own.
  auto end = waiting_.begin() + 1;
  if (waiting_.front().wanted.is_usual()) {
    end = std::ranges::find_if(waiting_, [](const Asker& each) { return !each.wanted.is_usual(); });
  }
  take(end);
}

void Reloads::take(std::vector<Asker>::iterator end) {
  running_ = true;
  asked_.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  wanted_ = asked_.front().wanted;
  std::vector<std::string> all{wanted_.by};
  for (const Asker& each : asked_) {
    if (!each.wanted.is_of_documents) wanted_.is_of_documents = false;
    if (std::ranges::find(all, each.wanted.by) != all.end()) continue;
    all.push_back(each.wanted.by);
    wanted_.by += ", " + each.wanted.by;
  }
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

void Reloads::tell(std::vector<Asker> all, const Problems& problems) {
  for (const Asker& each : all) each.done(problems);
}

}  // namespace weir::server
