// One configuration out of the file's and the documents of providers: which version of each
// document counts, and what became of it. For a thread that may take long.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "weir/config/documents.hpp"
#include "weir/config/loader.hpp"
#include "weir/provider/document.hpp"

namespace weir::provider {

class KnownDocument;

// A document as a build finds it.
struct Input {
  std::string provider;
  unsigned rank = 1;  // of the provider, from 1
  std::string name;
  std::shared_ptr<const KnownDocument> now;   // null: it is gone
  std::shared_ptr<const KnownDocument> good;  // the version in force; null: none
};
using Inputs = std::vector<Input>;

// What counts of a document.
struct InForce {
  std::string provider;
  std::string name;
  std::shared_ptr<const KnownDocument> document;
  std::optional<config::NamesByKind> only{};  // as of DocumentText
};

struct JoinVerdict {
  std::string provider;
  Verdict verdict;
};

// What of the inputs is in the configuration, and what is to be said of each that is there.
struct Joined {
  std::vector<InForce> in_force;  // in the order of their routes
  std::vector<JoinVerdict> verdicts;
};

class Joining {
 public:
  using Problems = std::vector<config::Problem>;

  // `own`: the file's, which keeps its sources; it outlives this. Documents of providers that it
  // does not name are left out.
  Joining(const config::Loaded& own, const Inputs& inputs, config::LoadChecks checks);

  // The whole. Fails only with problems that no document is at fault for.
  std::expected<config::Loaded, Problems> join();
  // What was joined last cannot be used: true if some documents are at fault, which are left out,
  // or in their version of before, at the next join().
  bool blame(const Problems& problems);
  // Of the last join().
  const Joined& joined() const noexcept { return joined_; }

 private:
  struct Piece {
    std::size_t input = 0;
    bool is_good = false;  // not the version of now
    config::DocumentText text;
  };
  struct Faults {
    std::vector<std::string> now;
    std::vector<std::string> good;
  };

  void choose();
  // A problem that is placed in none of the pieces: finds out by which of them it came.
  bool blame_by_search();
  void reject(const Piece& piece, const std::string& why);
  bool has_strange_problem(std::size_t first_pieces) const;
  std::optional<std::size_t> piece_of(const std::string& file) const;

  const config::Loaded& own_;
  const config::DocumentNames own_names_;
  const config::LoadChecks checks_;
  Inputs inputs_;
  std::vector<Faults> faults_;  // by input
  std::vector<Piece> pieces_;
  Joined joined_;
};

}  // namespace weir::provider
