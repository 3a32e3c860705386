// Files of endpoints: what is noticed, when it is in force, and what is told.
#include "weir/upstream/endpoint_files.hpp"

#include <boost/asio/post.hpp>
#include <filesystem>

#include "support/temp_folder.hpp"
#include "upstream/cluster_case.hpp"

namespace weir::upstream {
namespace {

using testing_support::TempFolder;
using Texts = std::vector<std::string>;

class EndpointFilesTest : public testing::Test {
 protected:
  EndpointFilesTest() { make(30s); }

  // A cluster as a configuration with the file as it is now makes it.
  void make(Duration empty_after) {
    upstream_ = upstream_of({});
    config::EndpointsFrom& from = upstream_.endpoints_from.emplace();
    from.file = "t.yaml";
    from.path = folder_.file("t.yaml");
    from.empty_after = empty_after;
  }

  void begin(std::string_view text) {
    write(text);
    read_config();
    cluster_ = cluster_on(upstream_, {&loop_});
    files_.watch(std::vector{cluster_});
  }

  void read_config() {
    auto listed = config::read_endpoints(upstream_.endpoints_from->path);
    upstream_.endpoints_from->listed = std::make_shared<const config::ListedEndpoints>(
        listed ? std::move(*listed) : config::ListedEndpoints());
    upstream_.endpoints_from->read_at = Clock::now();
  }

  // As programs do it that write such files.
  void write(std::string_view text) {
    const std::string scratch = folder_.write("t.new", text);
    std::filesystem::rename(scratch, upstream_.endpoints_from->path);
  }

  Texts addresses() const {
    Texts out;
    for (const EndpointInfo& each : cluster_->describe().endpoints) out.push_back(each.address);
    return out;
  }

  // False when it does not come to that within ten seconds.
  template <class Condition>
  bool comes_to(Condition condition) {
    const TimePoint until = Clock::now() + 10s;
    while (!condition() && Clock::now() < until) {
      main_.restart();
      main_.run_for(std::chrono::milliseconds(5));
    }
    return condition();
  }
  bool comes_to_be(const Texts& wanted) {
    return comes_to([&] { return addresses() == wanted; });
  }
  // As long as a change takes to be noticed, many times over.
  void pass_time() {
    const TimePoint until = Clock::now() + 150ms;
    comes_to([&] { return Clock::now() >= until; });
  }

  TempFolder folder_;
  net::Loop loop_;
  asio::io_context main_;
  config::Upstream upstream_;
  std::shared_ptr<Cluster> cluster_;
  Texts reports_;
  int changes_ = 0;
  std::function<void()> while_reading_;
  EndpointFiles files_{
      main_,
      [this](std::function<EndpointFiles::Then()> job) {
        asio::post(main_, [this, job = std::move(job)] {
          EndpointFiles::Then then = job();
          if (while_reading_) std::exchange(while_reading_, nullptr)();
          asio::post(main_, std::move(then));
        });
      },
      [this](std::string_view upstream, const EndpointsFileInfo& info) {
        reports_.push_back(std::string(upstream) + " " + std::to_string(info.endpoints) +
                           (info.error.empty() ? "" : " wrong") + (info.empty_in ? " empty" : ""));
      },
      [this] { ++changes_; },
      {.interval = 2ms, .settle = 2ms, .longest_settle = 10s, .retry = 20ms}};
};

TEST_F(EndpointFilesTest, AChangeIsInForceWithoutAReload) {
  begin("- 10.0.0.1:80\n");
  EXPECT_EQ(addresses(), Texts{"10.0.0.1:80"});
  pass_time();
  EXPECT_EQ(reports_, Texts{}) << "nothing has changed";
  EXPECT_EQ(changes_, 0);
  write("- 10.0.0.1:80\n- {address: '10.0.0.2:80', weight: 4}\n");
  EXPECT_TRUE(comes_to_be({"10.0.0.1:80", "10.0.0.2:80"}));
  EXPECT_EQ(cluster_->describe().endpoints[1].weight, 4u);
  write("[{\"targets\": [\"10.0.0.2:80\"]}]");
  EXPECT_TRUE(comes_to_be({"10.0.0.2:80"}));
  EXPECT_EQ(reports_, (Texts{"orders 2", "orders 1"}));
  EXPECT_EQ(changes_, 2);
}

TEST_F(EndpointFilesTest, WhatIsWrongChangesNothing) {
  begin("- 10.0.0.1:80\n");
  write("- 10.0.0.2\n");
  ASSERT_TRUE(comes_to([&] { return !reports_.empty(); }));
  EXPECT_EQ(reports_.front(), "orders 1 wrong");
  const auto info = files_.describe(*cluster_);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->file, "t.yaml");
  EXPECT_TRUE(info->error.contains("t.yaml:1:3: [0]: ")) << info->error;
  std::filesystem::remove(upstream_.endpoints_from->path);
  ASSERT_TRUE(comes_to(
      [&] { return files_.describe(*cluster_)->error.contains("No such file or directory"); }));
  EXPECT_EQ(addresses(), Texts{"10.0.0.1:80"});
  write("- 10.0.0.1:80\n");
  ASSERT_TRUE(comes_to([&] { return files_.describe(*cluster_)->error.empty(); }));
  EXPECT_EQ(reports_.back(), "orders 1");
  EXPECT_EQ(changes_, 0);
}

TEST_F(EndpointFilesTest, SocketsThatTheUpstreamCannotHaveAreRefused) {
  upstream_.tls.emplace();
  begin("- 10.0.0.1:80\n");
  write("- unix:/run/o.sock\n");
  ASSERT_TRUE(comes_to([&] { return !reports_.empty(); }));
  EXPECT_TRUE(files_.describe(*cluster_)->error.contains("server_name"));
  EXPECT_EQ(addresses(), Texts{"10.0.0.1:80"});
}

TEST_F(EndpointFilesTest, AnEmptyOneIsInForceAfterAWhile) {
  make(100ms);
  begin("- 10.0.0.1:80\n");
  const TimePoint began = Clock::now();
  write("[]");
  ASSERT_TRUE(comes_to([&] { return !reports_.empty(); }));
  EXPECT_EQ(reports_, Texts{"orders 0 empty"});
  EXPECT_TRUE(comes_to_be({}));
  EXPECT_GE(Clock::now() - began, 100ms);
  EXPECT_EQ(reports_.back(), "orders 0");
  write("- 10.0.0.1:80\n");
  EXPECT_TRUE(comes_to_be({"10.0.0.1:80"}));
}

TEST_F(EndpointFilesTest, AnEmptyOneThatIsFilledAgainChangesNothing) {
  begin("- 10.0.0.1:80\n");
  write("");
  ASSERT_TRUE(comes_to([&] { return files_.describe(*cluster_)->empty_in.has_value(); }));
  EXPECT_LE(*files_.describe(*cluster_)->empty_in, 30s);
  EXPECT_EQ(addresses(), Texts{"10.0.0.1:80"});
  write("- 10.0.0.1:80\n");
  ASSERT_TRUE(comes_to([&] { return !files_.describe(*cluster_)->empty_in; }));
  EXPECT_EQ(changes_, 0);
}

TEST_F(EndpointFilesTest, AReloadReadsItToo) {
  begin("- 10.0.0.1:80\n");
  write("- 10.0.0.2:80\n");
  read_config();
  cluster_->apply(upstream_);
  files_.watch(std::vector{cluster_});
  EXPECT_EQ(addresses(), Texts{"10.0.0.2:80"});
  pass_time();
  EXPECT_EQ(changes_, 0) << "what it reads after that is the same";
  // An empty one waits in a reload, too, and without a time it does not.
  write("[]");
  read_config();
  cluster_->apply(upstream_);
  files_.watch(std::vector{cluster_});
  EXPECT_EQ(addresses(), Texts{"10.0.0.2:80"});
  EXPECT_TRUE(files_.describe(*cluster_)->empty_in);
  upstream_.endpoints_from->empty_after = Duration::zero();
  read_config();
  cluster_->apply(upstream_);
  files_.watch(std::vector{cluster_});
  EXPECT_EQ(addresses(), Texts{});
}

TEST_F(EndpointFilesTest, WhatIsNoLongerConfiguredIsForgotten) {
  begin("- 10.0.0.1:80\n");
  cluster_->apply(upstream_of({"10.0.0.9:80"}));
  files_.watch(std::vector{cluster_});
  EXPECT_EQ(addresses(), Texts{"10.0.0.9:80"});
  EXPECT_FALSE(files_.describe(*cluster_));
  write("- 10.0.0.2:80\n");
  pass_time();
  EXPECT_EQ(addresses(), Texts{"10.0.0.9:80"});
}

TEST_F(EndpointFilesTest, AFileThatIsWrittenWhileItIsReadIsReadOnceMore) {
  begin("- 10.0.0.1:80\n");
  pass_time();
  write("- 10.0.0.2:80\n");
  while_reading_ = [this] { write("- 10.0.0.2:80\n- 10.0.0.3:80\n"); };
  EXPECT_TRUE(comes_to([&] { return changes_ != 0; }));
  EXPECT_EQ(addresses(), (Texts{"10.0.0.2:80", "10.0.0.3:80"}));
  EXPECT_EQ(changes_, 1);
}

}  // namespace
}  // namespace weir::upstream
