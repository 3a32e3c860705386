#include "weir/provider/joining.hpp"

#include <algorithm>
#include <tuple>

#include "provider/known_document.hpp"
#include "provider/merge.hpp"

namespace weir::provider {
namespace {

constexpr std::size_t most_told = 20;  // problems of a document
constexpr std::string_view before_mark = " (before)";

bool is_named(const config::Providers& providers, const std::string& provider) {
  return provider == "etcd" && providers.etcd.has_value();
}

Version version_of(const std::shared_ptr<const KnownDocument>& document,
                   const std::vector<std::string>& faults) {
  if (!document) return {};
  Version out = document->version();
  if (!faults.empty()) out = {nullptr, faults};
  return out;
}

Verdict::Use use_of(Choice::Take take) {
  switch (take) {
    case Choice::Take::now:
      return Verdict::Use::in_force;
    case Choice::Take::good:
      return Verdict::Use::last_good;
    case Choice::Take::held:
      return Verdict::Use::held;
    default:
      return Verdict::Use::refused;
  }
}

bool is_empty(const config::NamesByKind& names) {
  return names.upstreams.empty() && names.middleware.empty();
}

}  // namespace

Joining::Joining(const config::Loaded& own, const Inputs& inputs, config::LoadChecks checks)
    : own_(own), own_names_(config::names_of(own.config)), checks_(std::move(checks)) {
  std::ranges::copy_if(inputs, std::back_inserter(inputs_), [&](const Input& each) {
    return is_named(own.config.providers, each.provider);
  });
  std::ranges::stable_sort(inputs_, {}, [](const Input& each) {
    return std::tuple(each.rank, std::string_view(each.name));
  });
  faults_.resize(inputs_.size());
}

void Joining::choose() {
  std::vector<Claimant> claimants;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const Input& each = inputs_[i];
    claimants.push_back(
        {.name = each.now ? each.now->place() : each.good->place(),
         .provider = each.rank,
         .is_there = each.now != nullptr,
         .is_same = each.now != nullptr && each.now == each.good,
         .now = version_of(each.now, faults_[i].now),
         .good = version_of(each.good, each.now == each.good ? faults_[i].now : faults_[i].good)});
  }
  std::vector<Choice> choices = merge(own_names_, claimants);
  pieces_.clear();
  joined_ = {};
  for (std::size_t i = 0; i < choices.size(); ++i) {
    Choice& choice = choices[i];
    const Input& each = inputs_[i];
    const auto add = [&](const std::shared_ptr<const KnownDocument>& document, bool is_good,
                         std::optional<config::NamesByKind> only) {
      std::string place = document->place();
      if (only) place += before_mark;
      pieces_.push_back({i, is_good, {std::move(place), document->document().text, only}});
      joined_.in_force.push_back({each.provider, each.name, document, std::move(only)});
    };
    if (choice.take == Choice::Take::now) add(each.now, false, std::nullopt);
    if (choice.take == Choice::Take::good) add(each.good, true, std::nullopt);
    if (!is_empty(choice.held)) add(each.good, true, choice.held);
    const bool is_over = each.now == nullptr && choice.take == Choice::Take::none;
    if (is_over && choice.problems.empty()) continue;
    if (choice.problems.size() > most_told) choice.problems.resize(most_told);
    const Document& judged = each.now ? each.now->document() : each.good->document();
    joined_.verdicts.push_back(
        {each.provider,
         {each.name, judged.version, use_of(choice.take), std::move(choice.problems)}});
  }
}

std::expected<config::Loaded, Joining::Problems> Joining::join() {
  while (true) {
    choose();
    std::vector<config::DocumentText> texts;
    for (const Piece& piece : pieces_) texts.push_back(piece.text);
    auto loaded = config::join_documents(own_, texts, checks_);
    if (loaded || !blame(loaded.error())) return loaded;
  }
}

std::optional<std::size_t> Joining::piece_of(const std::string& file) const {
  const auto found =
      std::ranges::find(pieces_, file, [](const Piece& each) { return each.text.name; });
  if (found == pieces_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - pieces_.begin());
}

void Joining::reject(const Piece& piece, const std::string& why) {
  Faults& faults = faults_[piece.input];
  const Input& input = inputs_[piece.input];
  const bool is_now = !piece.is_good || input.now == input.good;
  std::vector<std::string>& told = is_now ? faults.now : faults.good;
  if (told.size() < most_told) told.push_back(why);
}

bool Joining::blame(const Problems& problems) {
  bool any = false;
  for (const config::Problem& problem : problems) {
    const auto piece = piece_of(problem.place.file);
    if (!piece) continue;
    reject(pieces_[*piece], problem.to_string());
    any = true;
  }
  return any || blame_by_search();
}

bool Joining::has_strange_problem(std::size_t first_pieces) const {
  std::vector<config::DocumentText> texts;
  for (std::size_t i = 0; i < first_pieces; ++i) texts.push_back(pieces_[i].text);
  const auto loaded = config::join_documents(own_, texts, {.regex = checks_.regex, .files = {}});
  return !loaded && std::ranges::any_of(loaded.error(), [this](const config::Problem& problem) {
    return !piece_of(problem.place.file);
  });
}

bool Joining::blame_by_search() {
  if (pieces_.empty() || !has_strange_problem(pieces_.size()) || has_strange_problem(0)) {
    return false;
  }
  std::size_t good = 0;
  std::size_t bad = pieces_.size();
  while (bad - good > 1) {
    const std::size_t middle = good + (bad - good) / 2;
    (has_strange_problem(middle) ? bad : good) = middle;
  }
  std::vector<config::DocumentText> texts;
  for (std::size_t i = 0; i < bad; ++i) texts.push_back(pieces_[i].text);
  const auto loaded = config::join_documents(own_, texts, {.regex = checks_.regex, .files = {}});
  if (loaded) return false;
  for (const config::Problem& problem : loaded.error()) {
    if (!piece_of(problem.place.file)) reject(pieces_[bad - 1], problem.to_string());
  }
  return true;
}

}  // namespace weir::provider
