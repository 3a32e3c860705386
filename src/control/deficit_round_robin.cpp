#include "weir/control/deficit_round_robin.hpp"

namespace weir::control {

DeficitRoundRobin::DeficitRoundRobin() noexcept {
  heads_.fill(none);
  for (std::size_t i = 0; i < most_keys; ++i) {
    flows_[i].in_bucket = i + 1 < most_keys ? static_cast<Flow>(i + 1) : none;
  }
}

DeficitRoundRobin::Flow DeficitRoundRobin::find(std::uint64_t key) const noexcept {
  Flow at = heads_[bucket_of(key)];
  while (at != none && flows_[at].key != key) at = flows_[at].in_bucket;
  return at;
}

DeficitRoundRobin::Flow DeficitRoundRobin::enter(std::uint64_t key) noexcept {
  Flow flow = find(key);
  // With all of them taken each has somebody who waits.
  if (flow == none && free_ == none) flow = static_cast<Flow>(key % most_keys);
  if (flow == none) {
    flow = free_;
    Each& fresh = flows_[flow];
    free_ = fresh.in_bucket;
    fresh.key = key;
    fresh.credit = 0;
    fresh.in_bucket = heads_[bucket_of(key)];
    heads_[bucket_of(key)] = flow;
    link(flow);
  }
  ++flows_[flow].waiting;
  return flow;
}

void DeficitRoundRobin::leave(Flow flow) noexcept {
  Each& here = flows_[flow];
  if (--here.waiting != 0) return;
  unlink(flow);
  Flow* at = &heads_[bucket_of(here.key)];
  while (*at != flow) at = &flows_[*at].in_bucket;
  *at = here.in_bucket;
  here.in_bucket = free_;
  free_ = flow;
}

void DeficitRoundRobin::serve(Flow flow) noexcept {
  if (flows_[flow].credit > -most_credit) --flows_[flow].credit;
  leave(flow);
}

std::size_t DeficitRoundRobin::waiting_of(std::uint64_t key) const noexcept {
  const Flow flow = find(key);
  if (flow != none) return flows_[flow].waiting;
  return free_ == none ? flows_[key % most_keys].waiting : 0;
}

DeficitRoundRobin::Flow DeficitRoundRobin::longest() const noexcept {
  Flow longest = current_;
  Flow at = current_;
  for (std::size_t looked = 0; looked < active_; ++looked) {
    if (flows_[at].waiting > flows_[longest].waiting) longest = at;
    at = flows_[at].next;
  }
  return longest;
}

// Behind all others: in front of whose turn it is.
void DeficitRoundRobin::link(Flow flow) noexcept {
  Each& here = flows_[flow];
  if (active_++ == 0) {
    here.next = here.previous = flow;
    current_ = flow;
    began_ = false;
    return;
  }
  here.next = current_;
  here.previous = flows_[current_].previous;
  flows_[here.previous].next = flow;
  flows_[current_].previous = flow;
}

void DeficitRoundRobin::unlink(Flow flow) noexcept {
  Each& here = flows_[flow];
  if (--active_ == 0) {
    current_ = none;
    return;
  }
  if (current_ == flow) pass_on();
  flows_[here.previous].next = here.next;
  flows_[here.next].previous = here.previous;
}

}  // namespace weir::control
