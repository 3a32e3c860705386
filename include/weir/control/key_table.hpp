// A word of state for each of very many callers, shared by all workers: a hash table with open
// addressing. A caller that is known costs no lock: one cache line, one compare-and-swap. A new one
// takes a lock of its part. Any thread.
//
// Memory: 32 bytes for each of `max_keys`, in pages of its own that count when they are first
// touched and go back to the system with the table. At least `max_keys` callers have a word of
// their own; it is given to another caller only when the rule says that it is as good as new, so
// filling the table makes nobody's state forgotten. Who finds no room shares a word with others
// that find none.
//
// Callers are their 64-bit hashes under a secret key: that two of a million share a word has a
// chance of 3 in 100 million, and nobody can aim at it.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

#include "weir/base/zeroed_pages.hpp"

namespace weir::control {

// What a table is asked to do with words. A word is never 0 nor all ones. `shared` is the word of
// those who find no room, 0 if nobody did yet.
template <class R>
concept KeyRule = requires(const R& rule, std::uint64_t word, std::uint64_t shared) {
  // Whether nothing is lost when the word is given to another caller.
  { rule.idle(word) } -> std::same_as<bool>;
  // Whether a new caller has to go on with the shared word, though there may be room by now: it may
  // be among those who are counted there.
  { rule.joins(shared) } -> std::same_as<bool>;
  // The first word of a caller, in the place of an idle one (0: of none); not yet that of take().
  // It owes what the shared one does, as this caller may be why.
  { rule.begin(word, shared) } -> std::same_as<std::uint64_t>;
  // Decides for one request; true: the word has changed. No word comes back: what begin() and
  // take() make of one was never there before in the same place.
  { rule.take(word) } -> std::same_as<bool>;
};

class KeyTable {
 public:
  using Word = std::uint64_t;

  struct Taken {
    bool taken = false;
    Word word = 0;          // after the decision
    Word* place = nullptr;  // where it is; this caller's until it is idle
  };

  // REQUIRES: max_keys >= 1. Throws bad_alloc.
  explicit KeyTable(std::uint64_t max_keys);

  template <KeyRule Rule>
  Taken take(std::uint64_t hash, const Rule& rule);

  // The word of a caller; 0 if it has none.
  Word peek(std::uint64_t hash) const noexcept { return find(name_of(hash)).word; }

  // Lets a shared word be changed by others than take().
  static std::atomic_ref<Word> word_at(Word* place) noexcept {
    return std::atomic_ref<Word>(*place);
  }

 private:
  static constexpr std::size_t slots_per_line = 4;
  static constexpr std::size_t most_lines_probed = 32;
  static constexpr Word busy = ~Word{0};  // is just being given to another caller

  struct alignas(64) Line {
    std::uint64_t callers[slots_per_line];  // 0: nobody
    Word words[slots_per_line];             // 0: never used
  };
  struct Found {
    Word* place = nullptr;
    std::uint64_t* caller = nullptr;
    Word word = 0;
  };

  // What stands in `callers`, where 0 is nobody.
  static std::uint64_t name_of(std::uint64_t hash) noexcept { return hash + (hash == 0 ? 1 : 0); }
  static std::uint64_t load_caller(const std::uint64_t& at) noexcept {
    return std::atomic_ref<std::uint64_t>(const_cast<std::uint64_t&>(at))
        .load(std::memory_order_relaxed);
  }
  static Word load(const Word& at) noexcept {
    return std::atomic_ref<Word>(const_cast<Word&>(at)).load(std::memory_order_acquire);
  }
  static bool swap(Word* at, Word& expected, Word next) noexcept {
    return word_at(at).compare_exchange_strong(expected, next, std::memory_order_acq_rel,
                                               std::memory_order_acquire);
  }

  std::size_t home_of(std::uint64_t caller) const noexcept {
    return static_cast<std::size_t>((static_cast<unsigned __int128>(caller) * line_count_) >> 64);
  }
  Found find(std::uint64_t caller) const noexcept;
  template <KeyRule Rule>
  std::optional<Taken> insert(std::uint64_t caller, const Rule& rule);
  template <KeyRule Rule>
  static Taken take_at(Word& shared, Word word, const Rule& rule);

  std::size_t line_count_;
  std::size_t probed_;  // lines in which a caller may be, from its home on
  ZeroedPages memory_;
  Line* lines_;
  std::array<std::mutex, 64> inserting_;  // by the caller's home
  std::array<Word, 64> shared_{};         // of those without room
};

// A caller is in the first lines from its home on that are full, or in the next: a slot that was
// once used is never empty again.
inline KeyTable::Found KeyTable::find(std::uint64_t caller) const noexcept {
  std::size_t at = home_of(caller);
  __builtin_prefetch(&lines_[at], 1);  // to be written: one transfer, not two
  for (std::size_t probe = 0; probe < probed_; ++probe) {
    Line& line = lines_[at];
    // No branch on which slot it is: nobody could predict it.
    unsigned here = 0;
    for (unsigned i = 0; i < slots_per_line; ++i) {
      here |= static_cast<unsigned>(load_caller(line.callers[i]) == caller) << i;
    }
    if (here != 0) {
      const auto i = static_cast<unsigned>(std::countr_zero(here));
      const Word word = load(line.words[i]);
      // It may have changed hands between the two loads.
      const bool still = load_caller(line.callers[i]) == caller;
      return still && word != busy ? Found{&line.words[i], &line.callers[i], word} : Found{};
    }
    unsigned empty = 0;
    for (const Word& word : line.words) empty |= static_cast<unsigned>(load(word) == 0);
    if (empty != 0) return {};
    if (++at == line_count_) at = 0;
  }
  return {};
}

template <KeyRule Rule>
KeyTable::Taken KeyTable::take(std::uint64_t hash, const Rule& rule) {
  const std::uint64_t caller = name_of(hash);
  while (true) {
    const Found found = find(caller);
    if (found.place == nullptr) {
      if (const auto taken = insert(caller, rule)) return *taken;
      continue;
    }
    Word word = found.word;
    do {
      Word next = word;
      if (!rule.take(next)) return {false, word, found.place};
      if (swap(found.place, word, next)) return {true, next, found.place};
    } while (word != busy && load_caller(*found.caller) == caller);
  }
}

// Under the lock of its home nobody else inserts the same caller, so it is never there twice.
// Others may compete for the same slot: whose swap to `busy` succeeds has it. Nothing if the
// caller is there by now.
template <KeyRule Rule>
std::optional<KeyTable::Taken> KeyTable::insert(std::uint64_t caller, const Rule& rule) {
  const std::size_t home = home_of(caller);
  const std::lock_guard lock(inserting_[home % inserting_.size()]);
  while (true) {
    Found chosen;
    bool has_empty = false;
    std::size_t at = home;
    for (std::size_t probe = 0; probe < probed_ && !has_empty; ++probe) {
      Line& line = lines_[at];
      for (std::size_t i = 0; i < slots_per_line; ++i) {
        const Word word = load(line.words[i]);
        if (word == busy) continue;
        if (word != 0 && load_caller(line.callers[i]) == caller) return std::nullopt;
        has_empty = has_empty || word == 0;
        const bool usable = word == 0 || rule.idle(word);
        if (usable && chosen.place == nullptr) {
          chosen = {&line.words[i], &line.callers[i], word};
        }
      }
      if (++at == line_count_) at = 0;
    }
    Word& shared = shared_[caller % shared_.size()];
    const Word owed = load(shared);
    if (chosen.place == nullptr || (owed != 0 && rule.joins(owed))) {
      return take_at(shared, owed, rule);
    }
    Word old = chosen.word;
    if (!swap(chosen.place, old, busy)) continue;
    std::atomic_ref<std::uint64_t>(*chosen.caller).store(caller, std::memory_order_relaxed);
    Word word = rule.begin(chosen.word, owed);
    const bool taken = rule.take(word);
    word_at(chosen.place).store(word, std::memory_order_release);
    return Taken{taken, word, chosen.place};
  }
}

template <KeyRule Rule>
KeyTable::Taken KeyTable::take_at(Word& shared, Word word, const Rule& rule) {
  while (true) {
    Word next = word == 0 ? rule.begin(0, 0) : word;
    if (!rule.take(next)) return {false, word, &shared};
    if (swap(&shared, word, next)) return {true, next, &shared};
  }
}

}  // namespace weir::control
