// Builds a SegmentTrie. One thread; used while a route table is compiled.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "route/path_pattern.hpp"
#include "route/segment_trie.hpp"

namespace weir::route {

class TrieBuilder {
 public:
  // The routes that compete at one node.
  struct Place {
    std::vector<std::uint32_t> exact;
    std::vector<std::uint32_t> prefix;
  };

  // A new tree, empty. Its number is also the id of its root in the finished trie.
  NodeId add_root();
  // REQUIRES: the pattern is not an expression; all roots have been added.
  void add(NodeId root, const PathPattern& pattern, std::uint32_t route);

  // `store(routes)` is called for each set of routes at one node and says which place that is.
  template <class Store>
  SegmentTrie finish(Store&& store) {
    for (Node& node : nodes_) {
      if (!node.routes.exact.empty()) node.exact = store(node.routes.exact);
      if (!node.routes.prefix.empty()) node.prefix = store(node.routes.prefix);
    }
    return flatten();
  }

 private:
  struct Node {
    std::map<std::string, NodeId> literals;
    NodeId param = nothing;
    Place routes;
    PlaceId exact = nothing;
    PlaceId prefix = nothing;
  };

  NodeId child(NodeId parent, const PathPattern::Segment& segment);
  SegmentTrie flatten() const;

  std::vector<Node> nodes_;
};

}  // namespace weir::route
