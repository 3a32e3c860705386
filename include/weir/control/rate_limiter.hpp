// The state of one rate limit: a bucket for each of its callers. Owned by the policy that several
// routes and successive snapshots may share; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "weir/base/sip_hash.hpp"
#include "weir/base/time.hpp"
#include "weir/control/gcra.hpp"
#include "weir/control/key_table.hpp"

namespace weir::control {

class RateLimiter {
 public:
  struct Rules {
    std::uint64_t tokens = 1;  // come in each `period`
    Duration period = std::chrono::seconds(1);
    std::uint64_t burst = 1;
    std::uint64_t cost = 1;  // tokens a request takes; at most `burst`
    std::uint64_t max_keys = 1'000'000;
  };
  struct Decision {
    bool allowed = true;
    Gcra::Word word = 0;  // of the caller, after the decision
    Gcra::Moment moment;
  };

  // REQUIRES: Gcra::possible(), 1 <= cost <= burst.
  explicit RateLimiter(const Rules& rules)
      : gcra_(rules.tokens, rules.period, rules.burst),
        cost_(rules.cost),
        table_(rules.max_keys),
        seed_(random_sip_key()) {}

  // Decides for one request of the caller with these bytes.
  Decision decide(std::string_view caller, TimePoint now) {
    const Gcra::Moment moment = gcra_.at(now);
    const KeyTable::Taken taken = table_.take(sip_hash(seed_, caller), Rule{gcra_, moment, cost_});
    return {taken.taken, taken.word, moment};
  }

  // What decide() would find, without a request. A caller that is not known has a full bucket.
  Decision look(std::string_view caller, TimePoint now) const {
    return {true, table_.peek(sip_hash(seed_, caller)), gcra_.at(now)};
  }

  // What a caller is told about a decision.
  Gcra::View view(const Decision& decision) const noexcept {
    return gcra_.view(decision.word, decision.moment);
  }

 private:
  // Workers read their clocks at different times: a bucket is given away only when all of them see
  // it full.
  static constexpr Duration longest_turn = std::chrono::seconds(1);

  struct Rule {
    const Gcra& gcra;
    Gcra::Moment now;
    std::uint64_t cost;

    bool idle(std::uint64_t word) const noexcept { return gcra.full(word, now, longest_turn); }
    bool joins(std::uint64_t) const noexcept { return false; }
    std::uint64_t begin(std::uint64_t, std::uint64_t shared) const noexcept {
      return idle(shared) ? 0 : shared;
    }
    bool take(std::uint64_t& word) const noexcept { return gcra.take(word, now, cost); }
  };

  const Gcra gcra_;
  const std::uint64_t cost_;
  KeyTable table_;
  const SipKey seed_;
};

}  // namespace weir::control
