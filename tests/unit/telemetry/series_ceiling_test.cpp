#include "telemetry/series_ceiling.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace weir::telemetry {
namespace {

class SeriesCeilingTest : public testing::Test {
 protected:
  using Series = std::vector<std::pair<std::string, double>>;

  // One pass: what is shown by its own name, and under "_other".
  std::map<std::string, double> pass(const Series& series, std::uint64_t most = 2,
                                     Fold how = Fold::total) {
    std::map<std::string, double> out;
    ceiling_.begin(most);
    for (const auto& [name, value] : series) {
      if (ceiling_.admits(name)) {
        out[name] = value;
      } else {
        ceiling_.fold(name, "_other", {value}, how);
      }
    }
    ceiling_.end([&](std::string_view labels, const SeriesCeiling::Values& values) {
      out[std::string(labels)] = values.front();
    });
    return out;
  }

  SeriesCeiling ceiling_;
};

using Shown = std::map<std::string, double>;

TEST_F(SeriesCeilingTest, BelowTheCeilingNothingIsFolded) {
  EXPECT_EQ(pass({{"a", 1}, {"b", 2}}), (Shown{{"a", 1}, {"b", 2}}));
  EXPECT_EQ(ceiling_.folded(), 0U);
}

TEST_F(SeriesCeilingTest, WhatIsShownStaysShownWhateverComesBeforeIt) {
  pass({{"m", 1}, {"n", 2}});
  EXPECT_EQ(pass({{"a", 5}, {"m", 1}, {"n", 2}}), (Shown{{"m", 1}, {"n", 2}, {"_other", 5}}));
  EXPECT_EQ(ceiling_.folded(), 1U);
}

TEST_F(SeriesCeilingTest, TotalsNeverFall) {
  pass({{"a", 1}, {"b", 1}, {"c", 10}, {"d", 20}});
  // One of those that were added up has left.
  EXPECT_EQ(pass({{"a", 1}, {"b", 1}, {"d", 21}}).at("_other"), 31);
  // A place is free in the pass behind that in which it was left; what takes it leaves its count.
  EXPECT_EQ(pass({{"a", 1}, {"d", 22}}).at("_other"), 32);
  EXPECT_EQ(pass({{"a", 1}, {"d", 23}}), (Shown{{"a", 1}, {"d", 23}, {"_other", 32}}));
  EXPECT_EQ(ceiling_.folded(), 0U);
  // One that comes back adds to it.
  EXPECT_EQ(pass({{"a", 1}, {"d", 23}, {"c", 3}}).at("_other"), 35);
}

TEST_F(SeriesCeilingTest, LevelsAreThoseOfNow) {
  pass({{"a", 1}, {"b", 1}, {"c", 10}, {"d", 20}}, 2, Fold::sum);
  EXPECT_EQ(pass({{"a", 1}, {"b", 1}, {"d", 5}}, 2, Fold::sum).at("_other"), 5);
  EXPECT_EQ(pass({{"a", 1}, {"b", 1}}, 2, Fold::sum), (Shown{{"a", 1}, {"b", 1}}));
}

TEST_F(SeriesCeilingTest, WhatMayNotBeAddedIsTheWorst) {
  const Series all{{"a", 1}, {"b", 1}, {"c", 3}, {"d", 7}, {"e", 5}};
  EXPECT_EQ(pass(all, 2, Fold::largest).at("_other"), 7);
  EXPECT_EQ(pass(all, 2, Fold::least).at("_other"), 3);
}

TEST_F(SeriesCeilingTest, ALowerCeilingTakesNothingAway) {
  pass({{"a", 1}, {"b", 2}, {"c", 3}}, 3);
  EXPECT_EQ(pass({{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}}, 1),
            (Shown{{"a", 1}, {"b", 2}, {"c", 3}, {"_other", 4}}));
}

TEST_F(SeriesCeilingTest, AHigherOneShowsWhatWasAddedUp) {
  pass({{"a", 1}, {"b", 2}}, 1);
  EXPECT_EQ(pass({{"a", 1}, {"b", 5}}, 9), (Shown{{"a", 1}, {"b", 5}, {"_other", 2}}));
}

}  // namespace
}  // namespace weir::telemetry
