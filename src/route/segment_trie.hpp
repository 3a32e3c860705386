// The paths of all hosts, segment by segment: a tree a host, in flat arrays. Built by TrieBuilder,
// owned by the route index; const: any thread.
//
// A node is what a run of segments leads to. Literal children are found by hash; a parameter is one
// child more. Nodes know statically where a search goes on when it fails, so walking needs neither
// stack nor recursion.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "route/text_hash.hpp"
#include "weir/route/route_table.hpp"

namespace weir::route {

using NodeId = std::uint32_t;
using PlaceId = std::uint32_t;  // the routes that compete at one node; see RouteIndex
inline constexpr std::uint32_t nothing = 0xFFFFFFFF;

class SegmentTrie {
 public:
  struct alignas(64) Node {  // a cache line
    static constexpr std::size_t inline_text = 24;

    std::uint32_t first_slot = 0;
    std::uint32_t slot_mask = nothing;  // number of slots - 1; `nothing`: no literal children
    NodeId param_child = nothing;
    NodeId retry = nothing;           // the nearest node above whose parameter is still to be tried
    NodeId shorter_prefix = nothing;  // the nearest node above where a prefix ends
    PlaceId exact = nothing;          // routes whose path ends here
    PlaceId prefix = nothing;         // routes whose prefix ends here
    std::uint32_t bytes = 0;          // of the path since its start or its last parameter
    std::uint32_t params = 0;         // between the root and here
    std::uint32_t text_size = 0;      // of the segment that leads here
    std::array<char, inline_text> text{};  // or, when it is longer, its place in the pool
  };

  const Node& operator[](NodeId id) const noexcept { return nodes_[id]; }

  // The child of `node` for a literal segment, or `nothing`.
  NodeId literal_child(const Node& node, std::string_view segment) const noexcept {
    if (node.slot_mask == nothing) return nothing;
    const std::uint32_t hash = text_hash(segment);
    // A table is never full, so that an empty slot ends the search.
    for (std::uint32_t at = hash;; ++at) {
      const Slot& slot = slots_[node.first_slot + (at & node.slot_mask)];
      if (slot.node == nothing) return nothing;
      if (slot.hash == hash && text(nodes_[slot.node]) == segment) return slot.node;
    }
  }

 private:
  friend class TrieBuilder;

  struct Slot {
    std::uint32_t hash = 0;
    NodeId node = nothing;
  };

  std::string_view text(const Node& node) const noexcept {
    if (node.text_size <= Node::inline_text) return {node.text.data(), node.text_size};
    return {pool_.data() + load_word(node.text.data(), 4), node.text_size};
  }

  std::vector<Node> nodes_;
  std::vector<Slot> slots_;
  std::string pool_;
};

// One search for the nodes that a path leads to. Each node is visited at most once.
class PathWalk {
 public:
  // Writes the values of parameters to `match.params`. Everything is borrowed.
  PathWalk(const SegmentTrie& trie, NodeId root, std::string_view path, Match& match) noexcept
      : trie_(trie), path_(path), match_(match), node_(root) {}

  // The next node where an exact path ends that is this path, most specific first; `nothing` when
  // there are no more. match.param_count is set.
  NodeId next_exact() noexcept {
    bool more = !started_ || retry();
    started_ = true;
    for (; more; more = retry()) {
      if (descend() && trie_[node_].exact != nothing) return node_;
    }
    return nothing;
  }

  // The longest prefix of this path, or `nothing`. REQUIRES: next_exact() returned `nothing`.
  NodeId longest_prefix() const noexcept {
    const SegmentTrie::Node& node = trie_[deepest_];
    return node.prefix != nothing ? deepest_ : node.shorter_prefix;
  }

 private:
  // Follows literals, and parameters where there is no literal; whether the path was used up.
  bool descend() noexcept {
    while (at_ < path_.size()) {
      const std::string_view segment = next_segment();
      const NodeId child = trie_.literal_child(trie_[node_], segment);
      if (child != nothing) {
        node_ = child;
        at_ += 1 + segment.size();
        continue;
      }
      // Prefixes have no parameters: the first way down is the one that they lie on.
      if (deepest_ == nothing) deepest_ = node_;
      if (!take_param(segment)) return false;
    }
    if (deepest_ == nothing) deepest_ = node_;
    return true;
  }

  // Goes back to the nearest parameter that was not tried yet and takes it.
  bool retry() noexcept {
    while ((node_ = trie_[node_].retry) != nothing) {
      const SegmentTrie::Node& node = trie_[node_];
      match_.param_count = node.params;
      at_ = node.bytes;
      if (node.params > 0) {
        const std::string_view last = match_.params[node.params - 1];
        at_ += static_cast<std::size_t>(last.data() - path_.data()) + last.size();
      }
      if (take_param(next_segment())) return true;
    }
    return false;
  }

  std::string_view next_segment() const noexcept {
    const char* begin = path_.data() + at_ + 1;
    const std::size_t left = path_.size() - at_ - 1;
    const void* end = std::memchr(begin, '/', left);
    return {begin, end == nullptr
                       ? left
                       : static_cast<std::size_t>(static_cast<const char*>(end) - begin)};
  }

  bool take_param(std::string_view segment) noexcept {
    const NodeId child = trie_[node_].param_child;
    if (child == nothing || segment.empty()) return false;
    match_.params[match_.param_count++] = segment;
    node_ = child;
    at_ += 1 + segment.size();
    return true;
  }

  const SegmentTrie& trie_;
  const std::string_view path_;
  Match& match_;
  NodeId node_;
  NodeId deepest_ = nothing;
  std::size_t at_ = 0;  // of the '/' before the next segment
  bool started_ = false;
};

}  // namespace weir::route
