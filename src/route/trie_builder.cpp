#include "route/trie_builder.hpp"

#include <bit>
#include <cstring>
#include <string_view>

namespace weir::route {

NodeId TrieBuilder::add_root() {
  nodes_.emplace_back();
  return static_cast<NodeId>(nodes_.size() - 1);
}

NodeId TrieBuilder::child(NodeId parent, const PathPattern::Segment& segment) {
  const auto next = static_cast<NodeId>(nodes_.size());
  NodeId& place = segment.is_param
                      ? nodes_[parent].param
                      : nodes_[parent].literals.try_emplace(segment.text, nothing).first->second;
  if (place != nothing) return place;
  place = next;
  nodes_.emplace_back();
  return next;
}

void TrieBuilder::add(NodeId root, const PathPattern& pattern, std::uint32_t route) {
  NodeId node = root;
  for (const PathPattern::Segment& segment : pattern.segments()) node = child(node, segment);
  Place& routes = nodes_[node].routes;
  (pattern.rank() == PathPattern::Rank::prefix ? routes.prefix : routes.exact).push_back(route);
}

SegmentTrie TrieBuilder::flatten() const {
  SegmentTrie trie;
  trie.nodes_.resize(nodes_.size());
  // Parents before children, since a child inherits where to go on when it fails.
  std::vector<NodeId> todo;
  const auto inherit = [&](NodeId from, NodeId to) {
    const SegmentTrie::Node& parent = trie.nodes_[from];
    SegmentTrie::Node& node = trie.nodes_[to];
    node.params = parent.params;
    node.shorter_prefix = parent.prefix != nothing ? from : parent.shorter_prefix;
    node.retry = parent.retry;
    todo.push_back(to);
  };
  const auto set_text = [&trie](SegmentTrie::Node& node, std::string_view text) {
    node.text_size = static_cast<std::uint32_t>(text.size());
    if (text.size() <= SegmentTrie::Node::inline_text) {
      text.copy(node.text.data(), text.size());
      return;
    }
    const auto at = static_cast<std::uint32_t>(trie.pool_.size());
    std::memcpy(node.text.data(), &at, sizeof at);
    trie.pool_ += text;
  };
  const auto visit = [&](NodeId id) {
    const Node& from = nodes_[id];
    SegmentTrie::Node& node = trie.nodes_[id];
    node.exact = from.exact;
    node.prefix = from.prefix;
    node.param_child = from.param;
    if (from.param != nothing) {
      inherit(id, from.param);
      ++trie.nodes_[from.param].params;
    }
    if (from.literals.empty()) return;
    const auto slots = static_cast<std::uint32_t>(std::bit_ceil(from.literals.size() * 2));
    node.first_slot = static_cast<std::uint32_t>(trie.slots_.size());
    node.slot_mask = slots - 1;
    trie.slots_.resize(trie.slots_.size() + slots);
    for (const auto& [text, child] : from.literals) {
      SegmentTrie::Node& to = trie.nodes_[child];
      inherit(id, child);
      if (from.param != nothing) to.retry = id;
      to.bytes = node.bytes + 1 + static_cast<std::uint32_t>(text.size());
      set_text(to, text);
      const std::uint32_t hash = text_hash(text);
      std::uint32_t at = hash;
      while (trie.slots_[node.first_slot + (at & node.slot_mask)].node != nothing) ++at;
      trie.slots_[node.first_slot + (at & node.slot_mask)] = {hash, child};
    }
  };
  std::vector<bool> is_child(nodes_.size(), false);
  for (const Node& node : nodes_) {
    if (node.param != nothing) is_child[node.param] = true;
    for (const auto& [text, child] : node.literals) is_child[child] = true;
  }
  for (NodeId root = 0; root < nodes_.size(); ++root) {
    if (is_child[root]) continue;
    todo.push_back(root);
    while (!todo.empty()) {
      const NodeId next = todo.back();
      todo.pop_back();
      visit(next);
    }
  }
  return trie;
}

}  // namespace weir::route
