#include "weir/server/snapshot_keeper.hpp"

#include <gtest/gtest.h>

#include "weir/server/process.hpp"
#include "weir/server/snapshot.hpp"

namespace weir::server {
namespace {

class SnapshotKeeperTest : public testing::Test {
 protected:
  std::shared_ptr<const Snapshot> compile() {
    return Snapshot::compile(config::Config(), process_, ++generation_).value();
  }
  SnapshotKeeper& keeper() { return process_.snapshots; }

  Process process_{config::Config(), {}, telemetry::LogTarget(), 1 << 20};
  std::uint64_t generation_ = 0;
};

TEST_F(SnapshotKeeperTest, WithoutAHomeTheLastReferenceFrees) {
  auto snapshot = compile();
  auto other = snapshot;
  EXPECT_EQ(keeper().living(), 1u);
  snapshot.reset();
  EXPECT_EQ(keeper().living(), 1u);
  other.reset();
  EXPECT_EQ(keeper().living(), 0u);
}

TEST_F(SnapshotKeeperTest, WithAHomeItWaitsToBeFreedThere) {
  int calls = 0;
  keeper().open([&] { ++calls; });
  auto first = compile();
  auto second = compile();
  first.reset();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(keeper().living(), 2u);
  keeper().free_unused();
  EXPECT_EQ(keeper().living(), 1u);
  second.reset();
  EXPECT_EQ(calls, 2);
  keeper().close();
  EXPECT_EQ(keeper().living(), 0u);
  compile().reset();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(keeper().living(), 0u);
}

}  // namespace
}  // namespace weir::server
