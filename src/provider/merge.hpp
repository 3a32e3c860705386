// Which versions of documents make a whole. A pure function of the names that they define and
// need: texts, and what else may be wrong with them, are others' business.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "weir/config/documents.hpp"
#include "weir/provider/document.hpp"

namespace weir::provider {

// A version of a document.
struct Version {
  const config::DocumentNames* names = nullptr;  // null: there is none, or it cannot be used
  std::vector<std::string> faults{};             // why it cannot be used
};

struct Claimant {
  std::string name;       // for messages: "etcd:/weir/orders"
  unsigned provider = 0;  // in the order of providers, from 1: the file is 0
  bool is_there = true;   // false: it is gone, `now` is nothing
  bool is_same = false;   // the version of now is the one in force
  Version now;
  Version good;  // the one in force
};

struct Choice {
  enum class Take {
    none,
    now,
    good,
    held,  // of the good version, or of one before, only what `held` says
  };
  Take take = Take::none;
  config::NamesByKind held{};         // upstreams and middleware
  std::vector<std::string> problems;  // what its user should know
};

// A choice for each claimant. In what is chosen each name of a kind is defined once, the file's
// included, and each one that is needed is defined.
//
// A version that cannot be used, or that defines what somebody else defines, gives way to the good
// one. The file goes first, then earlier providers; within a provider what is in force goes before
// what is new, and then by name. What a document needs and nobody defines any more, but a version
// in force did, is held: that definition alone stays. `good` of one that is gone and of one that
// has another version now are looked at for that.
std::vector<Choice> merge(const config::DocumentNames& file, std::span<const Claimant> claimants);

}  // namespace weir::provider
