#include "names/address_look_up.hpp"

#include <algorithm>
#include <utility>

namespace weir::names {

using control::LookUpEnd;

Outcome Outcome::of(DnsReply reply, const std::string& name) {
  Outcome out;
  out.error = std::move(reply.error);
  switch (reply.end) {
    case DnsReply::End::timed_out:
      out.end = LookUpEnd::timed_out;
      return out;
    case DnsReply::End::failed:
      out.end = LookUpEnd::failed;
      return out;
    case DnsReply::End::answered:
      break;
  }
  out.answer = std::move(reply.answer);
  if (out.answer.has_records()) {
    out.end = LookUpEnd::found;
  } else if (out.answer.code == DnsAnswer::no_such_name) {
    out.end = LookUpEnd::no_name;
    out.error = name + " does not exist (NXDOMAIN)";
  } else {
    out.end = LookUpEnd::no_data;
    out.error = name + " has no such record (NODATA)";
  }
  return out;
}

SearchLookUp::SearchLookUp(asio::io_context& main, std::shared_ptr<DnsClient> client,
                           std::vector<std::string> names, std::string last_name,
                           std::vector<RecordType> types, const ResolverLimits& limits, Done done)
    : limit_(main),
      other_family_(main),
      client_(std::move(client)),
      names_(std::move(names)),
      last_name_(std::move(last_name)),
      types_(std::move(types)),
      limits_(limits),
      done_(std::move(done)) {}

void SearchLookUp::begin() {
  limit_.expires_after(limits_.longest);
  limit_.async_wait([self = shared_from_this()](boost::system::error_code stopped) {
    if (!stopped) self->decide();
  });
  ask();
}

void SearchLookUp::cancel() {
  const auto self = shared_from_this();
  done_ = nullptr;
  limit_.cancel();
  other_family_.cancel();
  client_->close();
}

void SearchLookUp::ask() {
  outcomes_.assign(types_.size(), {});
  for (Outcome& outcome : outcomes_) outcome.error = "no name server answered";
  waits_for_ = types_.size();
  for (std::size_t type = 0; type < types_.size(); ++type) {
    client_->ask(names_[at_], types_[type],
                 [self = shared_from_this(), round = at_, type](DnsReply reply) {
                   self->replied(round, type, std::move(reply));
                 });
  }
}

void SearchLookUp::replied(std::size_t round, std::size_t type, DnsReply reply) {
  if (!done_ || round != at_) return;
  outcomes_[type] = Outcome::of(std::move(reply), names_[at_]);
  if (--waits_for_ == 0) return decide();
  if (outcomes_[type].end != LookUpEnd::found) return;
  other_family_.expires_after(limits_.other_family);
  other_family_.async_wait([self = shared_from_this(), round](boost::system::error_code stopped) {
    if (!stopped && round == self->at_) self->decide();
  });
}

// With the answers to one name, or those that came before the time was over.
void SearchLookUp::decide() {
  if (!done_) return;
  other_family_.cancel();
  const auto find = [&](LookUpEnd end) {
    const auto at = std::ranges::find(outcomes_, end, &Outcome::end);
    return at == outcomes_.end() ? nullptr : &*at;
  };
  if (find(LookUpEnd::found) != nullptr) return end(LookUpEnd::found, {});
  for (const Outcome& outcome : outcomes_) {
    if (!outcome.answer.negative_ttl) continue;
    negative_ttl_ = std::min(negative_ttl_.value_or(Duration::max()), *outcome.answer.negative_ttl);
  }
  // What does not exist has no record of any type.
  if (find(LookUpEnd::no_name) == nullptr) {
    if (const Outcome* late = find(LookUpEnd::timed_out)) {
      return end(LookUpEnd::timed_out, late->error);
    }
    if (const Outcome* failed = find(LookUpEnd::failed)) {
      failed_ = true;
      failure_ = failed->error;
      if (names_[at_] == last_name_) return end(LookUpEnd::failed, failure_);
    } else {
      exists_ = true;
    }
  }
  if (++at_ < names_.size()) return ask();
  at_ = 0;
  if (failed_) return end(LookUpEnd::failed, failure_);
  end(exists_ ? LookUpEnd::no_data : LookUpEnd::no_name, {});
}

void SearchLookUp::end(LookUpEnd end, std::string error) {
  limit_.cancel();
  other_family_.cancel();
  Result out;
  out.end = end;
  out.error = std::move(error);
  if (end == LookUpEnd::no_name) out.error = names_.front() + " does not exist (NXDOMAIN)";
  if (end == LookUpEnd::no_data) out.error = names_.front() + " has no address (NODATA)";
  out.negative_ttl = negative_ttl_;
  if (end == LookUpEnd::found) {
    out.name = names_[at_];
    out.outcomes = std::move(outcomes_);
  }
  at_ = names_.size();
  std::exchange(done_, nullptr)(std::move(out));
}

}  // namespace weir::names
