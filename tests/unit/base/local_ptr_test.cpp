#include "weir/base/local_ptr.hpp"

#include <gtest/gtest.h>

namespace weir {
namespace {

struct Counted : LocallyShared {
  explicit Counted(int& counter) : alive(counter) { ++alive; }
  ~Counted() override { --alive; }
  int& alive;
};

TEST(LocalPtr, TheLastOwnerDestroys) {
  int alive = 0;
  {
    LocalPtr<Counted> first(new Counted(alive));
    LocalPtr<LocallyShared> second = first;
    const LocalPtr<Counted> third = std::move(first);
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move)
    second = LocalPtr<LocallyShared>();
    EXPECT_EQ(alive, 1);
    EXPECT_EQ(third.get(), &*third);
  }
  EXPECT_EQ(alive, 0);
}

TEST(LocalPtr, AnAssignmentLetsGoOfTheOneBefore) {
  int one = 0;
  int other = 0;
  LocalPtr<Counted> pointer(new Counted(one));
  pointer = LocalPtr<Counted>(new Counted(other));
  EXPECT_EQ(one, 0);
  EXPECT_EQ(other, 1);
  const LocalPtr<Counted>& same = pointer;
  pointer = same;
  EXPECT_EQ(other, 1);
}

}  // namespace
}  // namespace weir
