#include "weir/base/cancel.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

namespace weir::test {
namespace {

class Listener final : public Cancellable {
 public:
  explicit Listener(CancelScope* scope) { follow(scope); }
  using Cancellable::follow;
  using Cancellable::unfollow;
  void cancel(Reason reason) noexcept override { told.push_back(reason); }
  std::vector<Reason> told;
};

const std::vector<Reason> nothing;
const std::vector<Reason> left{Reason::client_closed};

TEST(Cancel, GoesDownTheTreeAndNotUp) {
  CancelScope client;
  CancelScope retry(&client);
  CancelScope fill(&retry);
  CancelScope mirror(&client);
  const Listener of_client(&client);
  const Listener of_retry(&retry);
  const Listener of_fill(&fill);
  const Listener of_mirror(&mirror);
  mirror.cancel(Reason::request_timeout);
  EXPECT_EQ(of_mirror.told, std::vector{Reason::request_timeout});
  EXPECT_EQ(of_client.told, nothing);
  retry.cancel(Reason::client_closed);
  retry.cancel(Reason::draining);
  client.cancel(Reason::draining);
  EXPECT_EQ(of_fill.told, left);
  EXPECT_EQ(of_retry.told, left);
  EXPECT_EQ(of_client.told, std::vector{Reason::draining});
  EXPECT_EQ(of_mirror.told, std::vector{Reason::request_timeout}) << "once";
  EXPECT_EQ(fill.reason(), Reason::client_closed);
}

TEST(Cancel, OneThatCameTooLateIsToldAtOnce) {
  CancelScope client;
  client.cancel(Reason::client_closed);
  CancelScope below(&client);
  EXPECT_EQ(below.reason(), Reason::client_closed);
  const Listener listener(&below);
  EXPECT_EQ(listener.told, left);
  Reason seen = Reason::none;
  const OnCancel stop(&client, [&](Reason reason) noexcept { seen = reason; });
  EXPECT_EQ(seen, Reason::client_closed);
}

TEST(Cancel, WhoLeftOrFollowsNobodyIsNotTold) {
  CancelScope client;
  Listener listener(&client);
  listener.unfollow();
  const Listener of_none(nullptr);
  {
    const Listener gone(&client);
  }
  auto ended = std::make_unique<CancelScope>();
  const Listener orphan(ended.get());
  ended.reset();
  client.cancel(Reason::client_closed);
  EXPECT_EQ(listener.told, nothing);
  EXPECT_EQ(of_none.told, nothing);
  EXPECT_EQ(orphan.told, nothing);
}

// Trees of scopes and listeners that grow, move, end and are cancelled at random, also from within
// what is told; beside them a model that says by searching what has to be told, and in which order.
class TreeModel {
 public:
  using Id = std::size_t;
  static constexpr Id none = ~Id{0};
  struct Told {
    Id id;
    Reason reason;
    bool operator==(const Told&) const = default;
  };
  // What a listener does when it is told.
  struct Deed {
    enum class Kind { none, destroy, follow, cancel } kind = Kind::none;
    Id target = none;
    Id scope = none;
  };

  Id add(Id parent, bool scope, Deed deed) {
    nodes_.push_back({.is_scope = scope, .deed = deed});
    follow(nodes_.size() - 1, parent);
    return nodes_.size() - 1;
  }
  void destroy(Id id) {
    if (!nodes_[id].alive) return;
    nodes_[id].alive = false;
    nodes_[id].parent = none;
    for (Node& node : nodes_) {
      if (node.parent == id) node.parent = none;
    }
  }
  void follow(Id id, Id parent) {
    nodes_[id].parent = none;
    if (parent == none) return;
    if (nodes_[parent].reason != Reason::none) return tell(id, nodes_[parent].reason);
    nodes_[id].parent = parent;
    nodes_[id].linked = ++links_;
  }
  void cancel(Id id, Reason reason) {
    if (nodes_[id].reason != Reason::none) return;
    nodes_[id].reason = reason;
    const Id round = ~++rounds_;  // whom it tells, even if it ends meanwhile
    for (Node& node : nodes_) {
      if (node.parent == id) node.parent = round;
    }
    while (true) {
      Id last = none;
      for (Id at = 0; at < nodes_.size(); ++at) {
        if (nodes_[at].parent != round) continue;
        if (last == none || nodes_[at].linked > nodes_[last].linked) last = at;
      }
      if (last == none) return;
      nodes_[last].parent = none;
      tell(last, reason);
    }
  }
  bool alive(Id id) const { return id < nodes_.size() && nodes_[id].alive; }
  bool is_scope(Id id) const { return nodes_[id].is_scope; }
  std::vector<Told> told;

 private:
  struct Node {
    bool is_scope = false;
    Deed deed{};
    bool alive = true;
    Id parent = none;
    std::size_t linked = 0;
    Reason reason = Reason::none;
  };

  void tell(Id id, Reason reason) {
    if (nodes_[id].is_scope) return cancel(id, reason);
    told.push_back({id, reason});
    const Deed deed = std::exchange(nodes_[id].deed, {});
    if (!alive(deed.target)) return;
    if (deed.kind == Deed::Kind::destroy) destroy(deed.target);
    if (deed.kind == Deed::Kind::follow && alive(deed.scope)) follow(deed.target, deed.scope);
    if (deed.kind == Deed::Kind::cancel) cancel(deed.target, Reason::draining);
  }

  std::vector<Node> nodes_;
  std::size_t links_ = 0;
  std::size_t rounds_ = 0;
};

class Tree {
 public:
  using Id = TreeModel::Id;
  using Deed = TreeModel::Deed;

  void add(Id parent, bool scope, Deed deed) {
    const Id id = nodes_.size();
    nodes_.emplace_back();
    if (scope) {
      nodes_[id].scope = std::make_unique<CancelScope>(scope_of(parent));
    } else {
      nodes_[id].leaf = std::make_unique<Leaf>(*this, id, deed);
      nodes_[id].leaf->follow(scope_of(parent));
    }
  }
  void destroy(Id id) {
    const Node gone = std::move(nodes_[id]);
    nodes_[id] = {};
  }
  void follow(Id id, Id parent) { nodes_[id].leaf->follow(scope_of(parent)); }
  void cancel(Id id, Reason reason) { nodes_[id].scope->cancel(reason); }
  std::vector<TreeModel::Told> told;

 private:
  class Leaf final : public Cancellable {
   public:
    Leaf(Tree& tree, Id id, Deed deed) : tree_(tree), id_(id), deed_(deed) {}
    using Cancellable::follow;
    void cancel(Reason reason) noexcept override {
      tree_.told.push_back({id_, reason});
      tree_.act(std::exchange(deed_, {}));
    }

   private:
    Tree& tree_;
    const Id id_;
    Deed deed_;
  };
  struct Node {
    std::unique_ptr<CancelScope> scope;
    std::unique_ptr<Leaf> leaf;
    bool alive() const { return scope || leaf; }
  };

  CancelScope* scope_of(Id id) { return id == TreeModel::none ? nullptr : nodes_[id].scope.get(); }
  bool alive(Id id) const { return id < nodes_.size() && nodes_[id].alive(); }
  void act(Deed deed) {
    if (!alive(deed.target)) return;
    if (deed.kind == Deed::Kind::destroy) destroy(deed.target);
    if (deed.kind == Deed::Kind::follow && alive(deed.scope)) follow(deed.target, deed.scope);
    if (deed.kind == Deed::Kind::cancel) cancel(deed.target, Reason::draining);
  }

  std::vector<Node> nodes_;
};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 2 + 1) {}
  std::size_t below(std::size_t bound) {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<std::size_t>(state_ >> 33) % bound;
  }

 private:
  std::uint64_t state_;
};

TEST(Cancel, TellsWhatASlowModelTells) {
  using Kind = TreeModel::Deed::Kind;
  std::size_t told = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Dice dice(seed);
    TreeModel model;
    Tree tree;
    std::size_t count = 0;
    // One that lives and is a scope, or a listener; none where there is no such.
    const auto pick = [&](bool scope) {
      for (int n = 0; n < 20 && count != 0; ++n) {
        const std::size_t id = dice.below(count);
        if (model.alive(id) && model.is_scope(id) == scope) return id;
      }
      return TreeModel::none;
    };
    for (int step = 0; step < 120; ++step) {
      const std::size_t what = dice.below(10);
      if (what < 5) {
        TreeModel::Deed deed;
        const std::size_t deeds = dice.below(6);
        if (deeds == 1) deed = {Kind::destroy, pick(dice.below(2) == 0)};
        if (deeds == 2) deed = {Kind::follow, pick(false), pick(true)};
        if (deeds == 3) deed = {Kind::cancel, pick(true)};
        if (deeds == 4) deed = {Kind::destroy, count};  // itself
        const bool scope = what < 2;
        const std::size_t parent = pick(true);
        ++count;
        model.add(parent, scope, deed);
        tree.add(parent, scope, deed);
      } else if (what < 7) {
        const std::size_t id = pick(dice.below(2) == 0);
        if (id == TreeModel::none) continue;
        model.destroy(id);
        tree.destroy(id);
      } else if (what < 8) {
        const std::size_t id = pick(false);
        const std::size_t parent = pick(true);
        if (id == TreeModel::none) continue;
        model.follow(id, parent);
        tree.follow(id, parent);
      } else if (const std::size_t id = pick(true); id != TreeModel::none && what == 9) {
        model.cancel(id, Reason::client_closed);
        tree.cancel(id, Reason::client_closed);
      }
      ASSERT_EQ(tree.told, model.told) << "seed " << seed << " step " << step;
    }
    told += model.told.size();
  }
  EXPECT_GT(told, 2000u);
}

}  // namespace
}  // namespace weir::test
