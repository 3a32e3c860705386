#include "provider/merge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>

namespace weir::provider {
namespace {

using config::DocumentNames;
using config::NamesByKind;
using config::NameSet;
using Take = Choice::Take;

struct Kind {
  NameSet NamesByKind::* set;
  std::string_view word;
};
constexpr Kind all_kinds[] = {{&NamesByKind::routes, "route"},
                              {&NamesByKind::upstreams, "upstream"},
                              {&NamesByKind::middleware, "middleware"}};
// That others name.
constexpr Kind named_kinds[] = {all_kinds[1], all_kinds[2]};

class Merge {
 public:
  Merge(const DocumentNames& file, std::span<const Claimant> claimants)
      : file_(file), claimants_(claimants), out_(claimants.size()), notes_(claimants.size()) {}

  std::vector<Choice> run() {
    for (std::size_t i = 0; i < claimants_.size(); ++i) begin(i);
    // Each turn takes something away from a document, or is the last.
    while (settle_conflicts() || settle_needs()) {
    }
    for (std::size_t i = 0; i < out_.size(); ++i) finish(i);
    return std::move(out_);
  }

 private:
  void begin(std::size_t i) {
    const Claimant& each = claimants_[i];
    if (!each.is_there) return;
    out_[i].take = Take::now;
    if (each.now.names == nullptr) give_way(i, each.now.faults);
  }

  const DocumentNames* chosen(std::size_t i) const {
    switch (out_[i].take) {
      case Take::now:
        return claimants_[i].now.names;
      case Take::good:
        return claimants_[i].good.names;
      default:
        return nullptr;
    }
  }

  bool is_in_force(std::size_t i) const {
    return out_[i].take == Take::good || (out_[i].take == Take::now && claimants_[i].is_same);
  }

  // Takes the next lower version.
  void give_way(std::size_t i, const std::vector<std::string>& why) {
    const Claimant& each = claimants_[i];
    std::ranges::copy(why, std::back_inserter(out_[i].problems));
    const bool has_good = out_[i].take == Take::now && !each.is_same && each.good.names != nullptr;
    if (out_[i].take == Take::now && !each.is_same && !has_good) {
      std::ranges::copy(each.good.faults, std::back_inserter(out_[i].problems));
    }
    out_[i].take = has_good ? Take::good : Take::none;
  }

  // True when somebody gave way.
  bool settle_conflicts() {
    std::vector<std::size_t> order(claimants_.size());
    std::iota(order.begin(), order.end(), 0);
    const auto rank = [this](std::size_t i) {
      const int news = is_in_force(i) ? 0 : claimants_[i].good.names != nullptr ? 1 : 2;
      return std::tuple(claimants_[i].provider, news, std::string_view(claimants_[i].name));
    };
    std::ranges::sort(order, {}, rank);
    owners_.clear();
    bool any = false;
    for (const Kind& kind : all_kinds) {
      for (const std::string& name : file_.defines.*kind.set)
        owners_.try_emplace({kind.word, name});
    }
    for (const std::size_t i : order) {
      const DocumentNames* names = chosen(i);
      if (names == nullptr) continue;
      std::vector<std::string> why;
      for (const Kind& kind : all_kinds) {
        for (const std::string& name : names->defines.*kind.set) {
          const auto taken = owners_.find({kind.word, name});
          if (taken == owners_.end()) continue;
          why.push_back(fmt::format(
              "the name '{}' of a {} is already taken by {}", name, kind.word,
              taken->second ? claimants_[*taken->second].name : "the gateway's own file"));
        }
      }
      if (!why.empty()) {
        give_way(i, why);
        any = true;
        continue;  // its good version comes in the next turn
      }
      for (const Kind& kind : all_kinds) {
        for (const std::string& name : names->defines.*kind.set) {
          owners_.insert_or_assign({kind.word, name}, i);
        }
      }
    }
    return any;
  }

  // REQUIRES: owners_ are those of what is chosen. True when somebody gave way.
  bool settle_needs() {
    for (Choice& each : out_) each.held = {};
    for (auto& notes : notes_) notes.clear();
    held_.clear();
    bool any = false;
    for (std::size_t i = 0; i < claimants_.size(); ++i) {
      const DocumentNames* names = chosen(i);
      if (names == nullptr) continue;
      std::vector<std::string> why;
      for (const Kind& kind : named_kinds) {
        for (const std::string& name : names->needs.*kind.set) need(i, kind, name, why);
      }
      if (why.empty()) continue;
      give_way(i, why);
      any = true;
    }
    return any;
  }

  void need(std::size_t i, const Kind& kind, const std::string& name,
            std::vector<std::string>& why) {
    if (owners_.contains({kind.word, name})) return;
    const bool is_held = is_in_force(i) && hold(kind, name);
    const std::string fault = fmt::format("{} '{}' is not there", kind.word, name);
    if (is_held) {
      notes_[i].push_back(fault + " any more; what it was stays in force");
    } else {
      why.push_back(fault);
    }
  }

  // Whether a version in force has it, and what it needs itself.
  bool hold(const Kind& kind, const std::string& name) {
    if (held_.contains({kind.word, name})) return true;
    for (std::size_t k = 0; k < claimants_.size(); ++k) {
      const Claimant& each = claimants_[k];
      const DocumentNames* good = each.good.names;
      if (good == nullptr || out_[k].take == Take::good) continue;
      if (!(good->defines.*kind.set).contains(name)) continue;
      if (kind.set == &NamesByKind::middleware) {
        const auto asked = good->asked.find(name);
        const Kind& upstream = all_kinds[1];
        if (asked != good->asked.end() && !owners_.contains({upstream.word, asked->second}) &&
            !hold(upstream, asked->second)) {
          continue;
        }
      }
      held_.insert_or_assign({kind.word, name}, k);
      (out_[k].held.*kind.set).insert(name);
      return true;
    }
    return false;
  }

  void finish(std::size_t i) {
    Choice& choice = out_[i];
    std::ranges::move(notes_[i], std::back_inserter(choice.problems));
    const bool holds = !choice.held.upstreams.empty() || !choice.held.middleware.empty();
    if (choice.take == Take::none && holds) choice.take = Take::held;
  }

  using Name = std::pair<std::string_view, std::string>;  // a kind's word and a name

  const DocumentNames& file_;
  const std::span<const Claimant> claimants_;
  std::vector<Choice> out_;
  std::vector<std::vector<std::string>> notes_;        // of what is held, by claimant
  std::map<Name, std::optional<std::size_t>> owners_;  // nothing: the file
  std::map<Name, std::size_t> held_;
};

}  // namespace

std::vector<Choice> merge(const DocumentNames& file, std::span<const Claimant> claimants) {
  return Merge(file, claimants).run();
}

}  // namespace weir::provider
