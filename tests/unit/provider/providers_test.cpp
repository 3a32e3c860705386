// When what providers give is built, what goes to its cluster without a build, what is told, and
// what is kept for a restart. The provider is the test's own, and the main thread runs its jobs.
#include "weir/provider/providers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <deque>
#include <filesystem>
#include <fstream>
#include <utility>

#include "provider/provider_case.hpp"
#include "support/temp_folder.hpp"

namespace weir::provider {
namespace {

using testing_support::TempFolder;
using Texts = std::vector<std::string>;
using namespace std::chrono_literals;

// What somebody puts is what the provider has.
struct FakeSource {
  std::map<std::string, std::shared_ptr<const Document>> documents;
  bool is_listed = false;
  ProviderState state;
  std::function<void()> changed;
  std::vector<Verdict> taken;
  int started = 0;
  int stopped = 0;
};

class FakeProvider final : public Provider {
 public:
  explicit FakeProvider(FakeSource& source) : source_(source) {}
  const std::string& name() const noexcept override { return name_; }
  void start(std::function<void()> changed) override {
    ++source_.started;
    source_.changed = std::move(changed);
  }
  std::shared_ptr<const Documents> documents() const override {
    if (!source_.is_listed) return nullptr;
    auto out = std::make_shared<Documents>();
    for (const auto& [name, document] : source_.documents) out->push_back(document);
    return out;
  }
  ProviderState state() const override { return source_.state; }
  void taken(std::span<const Verdict> verdicts) override {
    source_.taken.assign(verdicts.begin(), verdicts.end());
  }
  void stop() override {
    ++source_.stopped;
    source_.changed = nullptr;
  }

 private:
  const std::string name_ = "etcd";
  FakeSource& source_;
};

class ProvidersTest : public testing::Test {
 protected:
  ProvidersTest() { make(); }

  void make() {
    ProvidersHooks hooks;
    hooks.rebuild = [this] { ++rebuilds_; };
    hooks.endpoints = [this](const EndpointUpdate& update) {
      if (unknown_ == update.upstream) return false;
      updates_.push_back(update.upstream + " " + update.endpoints.front().address);
      return true;
    };
    hooks.settled = [this] { ++settled_; };
    hooks.aside = [this](std::function<ProvidersHooks::Then()> job) {
      if (hold_jobs_) return jobs_.push_back(std::move(job));
      asio::post(main_, [this, job = std::move(job)] { asio::post(main_, job()); });
    };
    hooks.metrics = [this](std::string_view) { return metrics_; };
    hooks.make_etcd = [this](const config::EtcdProvider&) {
      return std::make_unique<FakeProvider>(source_);
    };
    providers_ = std::make_unique<Providers>(main_, std::move(hooks),
                                             ProvidersTimes{.gather = 2ms, .retry = 20ms});
  }

  void configure() { providers_->configure(file_.config); }

  void put(const std::string& name, const std::string& text) {
    source_.documents.insert_or_assign(name, document_of(name, text, std::to_string(++revision_)));
    source_.is_listed = true;
    tell();
  }
  void remove(const std::string& name) {
    source_.documents.erase(name);
    tell();
  }
  void tell() {
    if (source_.changed) source_.changed();
  }

  // False when it does not come to that within ten seconds.
  template <class Condition>
  bool comes_to(Condition condition) {
    const TimePoint until = Clock::now() + 10s;
    while (!condition() && Clock::now() < until) {
      main_.restart();
      main_.run_for(2ms);
    }
    return condition();
  }
  // Many times as long as changes are gathered.
  void pass_time() {
    const TimePoint until = Clock::now() + 60ms;
    comes_to([&] { return Clock::now() >= until; });
  }

  // A build as the server makes it; the routes that are in force then.
  Texts build(const std::string& why_not = "") {
    const auto inputs = providers_->begin_build();
    return end_build(inputs, why_not);
  }
  Texts end_build(const std::shared_ptr<const Inputs>& inputs, const std::string& why_not = "") {
    Joining joining(file_, *inputs, {});
    const auto whole = joining.join();
    EXPECT_TRUE(whole);
    if (why_not.empty()) providers_->committed(&joining.joined(), ++generation_);
    providers_->ended(why_not);
    return whole ? route_names(whole->config) : Texts{};
  }
  bool wants(int rebuilds) {
    return comes_to([&] { return rebuilds_ == rebuilds; });
  }

  asio::io_context main_;
  config::Loaded file_ = own_file();
  FakeSource source_;
  std::shared_ptr<telemetry::ProviderMetrics> metrics_ =
      std::make_shared<telemetry::ProviderMetrics>();
  int rebuilds_ = 0;
  int settled_ = 0;
  Texts updates_;
  std::string unknown_;
  bool hold_jobs_ = false;
  std::deque<std::function<ProvidersHooks::Then()>> jobs_;
  std::uint64_t generation_ = 1;
  int revision_ = 0;
  std::unique_ptr<Providers> providers_;
};

TEST_F(ProvidersTest, TheFirstListIsWaitedForUntilItIsBuilt) {
  EXPECT_EQ(providers_->waits_for(), "") << "there is no provider";
  EXPECT_TRUE(providers_->views().empty());
  configure();
  EXPECT_EQ(source_.started, 1);
  EXPECT_EQ(providers_->waits_for(), "the first list of provider etcd");
  put("a", route_text("ra"));
  ASSERT_TRUE(wants(1));
  EXPECT_EQ(build(), (Texts{"own", "ra"}));
  EXPECT_EQ(providers_->waits_for(), "");
  EXPECT_EQ(settled_, 1);
  ASSERT_EQ(source_.taken.size(), 1U);
  EXPECT_EQ(source_.taken.front().use, Verdict::Use::in_force);
  EXPECT_GT(metrics_->last_success.value(), 1e9);
  pass_time();
  EXPECT_EQ(rebuilds_, 1);
}

TEST_F(ProvidersTest, AnEmptyListNeedsNoBuild) {
  configure();
  source_.is_listed = true;
  tell();
  ASSERT_TRUE(comes_to([&] { return settled_ == 1; }));
  EXPECT_EQ(rebuilds_, 0);
  EXPECT_EQ(providers_->waits_for(), "");
}

TEST_F(ProvidersTest, WhatComesTogetherIsOneChange) {
  configure();
  for (int i = 0; i < 50; ++i) put("d" + std::to_string(i), route_text("r" + std::to_string(i)));
  ASSERT_TRUE(wants(1));
  EXPECT_EQ(build().size(), 51U);
  pass_time();
  EXPECT_EQ(rebuilds_, 1);
}

TEST_F(ProvidersTest, EndpointsAloneNeedNoBuild) {
  configure();
  put("a", route_text("ra", "x") + "\n" + upstream_text("x", "10.0.0.1:1"));
  put("b", route_text("rb"));
  ASSERT_TRUE(wants(1));
  build();
  put("a", route_text("ra", "x") + "\n" + upstream_text("x", "10.0.0.2:1"));
  ASSERT_TRUE(comes_to([&] { return !updates_.empty(); }));
  EXPECT_EQ(updates_, Texts{"x 10.0.0.2:1"});
  EXPECT_EQ(rebuilds_, 1);
  ASSERT_TRUE(providers_->updates().contains("x"));
  EXPECT_EQ(providers_->views().back().documents.front().version, "3");
  // The next build finds the new version in force, and no change in it.
  put("b", route_text("rb2"));
  ASSERT_TRUE(wants(2));
  const auto inputs = providers_->begin_build();
  EXPECT_EQ(inputs->front().now, inputs->front().good);
  EXPECT_EQ(inputs->front().good->document().version, "3");
  end_build(inputs);
  EXPECT_TRUE(providers_->updates().empty());
  EXPECT_EQ(updates_.size(), 1U);
}

TEST_F(ProvidersTest, EndpointsOfWhatIsNotThereNeedOne) {
  configure();
  put("a", route_text("ra", "x") + "\n" + upstream_text("x", "10.0.0.1:1"));
  ASSERT_TRUE(wants(1));
  build();
  unknown_ = "x";
  put("a", route_text("ra", "x") + "\n" + upstream_text("x", "10.0.0.2:1"));
  EXPECT_TRUE(wants(2));
}

TEST_F(ProvidersTest, ABuildThatBeganMeanwhileHasThem) {
  configure();
  put("a", route_text("ra", "x") + "\n" + upstream_text("x", "10.0.0.1:1"));
  ASSERT_TRUE(wants(1));
  build();
  hold_jobs_ = true;
  put("a", route_text("ra", "x") + "\n" + upstream_text("x", "10.0.0.2:1"));
  ASSERT_TRUE(comes_to([&] { return !jobs_.empty(); }));
  const auto inputs = providers_->begin_build();
  EXPECT_EQ(inputs->front().now->document().version, "2");
  asio::post(main_, jobs_.front()());
  pass_time();
  EXPECT_EQ(updates_, Texts{}) << "the snapshot brings them";
  end_build(inputs);
  pass_time();
  EXPECT_EQ(updates_, Texts{});
  EXPECT_EQ(rebuilds_, 1);
}

TEST_F(ProvidersTest, WhatComesInABuildWaitsForItsEnd) {
  configure();
  put("a", route_text("ra"));
  ASSERT_TRUE(wants(1));
  const auto inputs = providers_->begin_build();
  put("b", route_text("rb"));
  pass_time();
  EXPECT_EQ(rebuilds_, 1);
  EXPECT_EQ(end_build(inputs), (Texts{"own", "ra"}));
  ASSERT_TRUE(wants(2));
  EXPECT_EQ(build(), (Texts{"own", "ra", "rb"}));
}

TEST_F(ProvidersTest, ABuildThatFailsIsTriedAgain) {
  configure();
  put("a", route_text("ra"));
  ASSERT_TRUE(wants(1));
  build("no memory");
  EXPECT_EQ(settled_, 0);
  const TimePoint failed = Clock::now();
  ASSERT_TRUE(wants(2));
  EXPECT_GE(Clock::now() - failed, 15ms);
  EXPECT_EQ(build(), (Texts{"own", "ra"}));
  EXPECT_EQ(settled_, 1);
}

TEST_F(ProvidersTest, AWrongVersionIsToldOnce) {
  configure();
  put("a", route_text("ra"));
  ASSERT_TRUE(wants(1));
  build();
  put("a", "routes: [");
  ASSERT_TRUE(wants(2));
  EXPECT_EQ(build(), (Texts{"own", "ra"}));
  EXPECT_EQ(source_.taken.front().use, Verdict::Use::last_good);
  EXPECT_EQ(metrics_->rejected.value(), 1U);
  // Another build of the same: a reload.
  EXPECT_EQ(build(), (Texts{"own", "ra"}));
  EXPECT_EQ(metrics_->rejected.value(), 1U);
  const auto views = providers_->views();
  ASSERT_EQ(views.size(), 2U);
  EXPECT_EQ(views[0].name, "file");
  EXPECT_EQ(views[1].rejected, 1U);
  pass_time();
  EXPECT_EQ(rebuilds_, 2) << "it is not built over and over";
  remove("a");
  ASSERT_TRUE(wants(3));
  EXPECT_EQ(build(), Texts{"own"});
}

TEST_F(ProvidersTest, WhatIsHeldStaysHeldInTheNextBuild) {
  configure();
  put("u", upstream_text("x", "10.0.0.1:1"));
  put("r", route_text("rx", "x"));
  ASSERT_TRUE(wants(1));
  build();
  remove("u");
  ASSERT_TRUE(wants(2));
  EXPECT_EQ(build(), (Texts{"own", "rx"}));
  put("other", route_text("ry"));
  ASSERT_TRUE(wants(3));
  EXPECT_EQ(build(), (Texts{"own", "ry", "rx"}));
  // It comes back, as another one.
  put("u", upstream_text("x", "10.0.0.2:1"));
  ASSERT_TRUE(wants(4));
  EXPECT_EQ(build(), (Texts{"own", "ry", "rx"}));
  for (const Verdict& each : source_.taken) EXPECT_EQ(each.use, Verdict::Use::in_force);
}

TEST_F(ProvidersTest, ItsStateIsCounted) {
  configure();
  source_.state = {.up = true, .error = {}, .from = "http://a", .revision = 1};
  tell();
  ASSERT_TRUE(comes_to([&] { return metrics_->up.value() == 1; }));
  source_.state = {.up = false, .error = "away", .from = {}, .revision = 1};
  tell();
  ASSERT_TRUE(comes_to([&] { return metrics_->up.value() == 0; }));
  EXPECT_EQ(providers_->views().back().state.error, "away");
}

TEST_F(ProvidersTest, OneThatIsNotNamedAnyMoreIsForgotten) {
  configure();
  put("a", route_text("ra"));
  ASSERT_TRUE(wants(1));
  build();
  configure();
  EXPECT_EQ(source_.started, 1) << "it is the same";
  file_.config.providers.etcd->prefix = "/other/";
  configure();
  EXPECT_EQ(source_.started, 2);
  EXPECT_EQ(providers_->in_force()->size(), 1U) << "until the other one has answered";
  file_.config.providers.etcd.reset();
  configure();
  EXPECT_EQ(source_.stopped, 2);
  EXPECT_TRUE(providers_->in_force()->empty());
  EXPECT_EQ(providers_->waits_for(), "");
}

TEST_F(ProvidersTest, AfterTheEndNothingIsAskedFor) {
  configure();
  put("a", route_text("ra"));
  providers_->stop();
  pass_time();
  EXPECT_EQ(rebuilds_, 0);
  EXPECT_EQ(source_.stopped, 1);
}

// --- kept for a restart

class KeptDocumentsTest : public ProvidersTest {
 protected:
  KeptDocumentsTest() { file_.config.server.state_dir = folder_.path(); }

  std::string path() const { return folder_.file("provider-etcd.json"); }
  std::string kept() const {
    std::ifstream in(path());
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  bool keeps(const std::string& text) {
    return comes_to([&] { return kept().contains(text); });
  }
  // Another process, with the same file.
  void restart() {
    providers_->stop();
    rebuilds_ = settled_ = 0;
    updates_.clear();
    source_ = {};
    make();
  }

  const TempFolder folder_;
};

TEST_F(KeptDocumentsTest, AreServedUntilTheProviderAnswers) {
  configure();
  put("a", route_text("ra", "x") + "\n" + upstream_text("x", "10.0.0.1:1"));
  ASSERT_TRUE(wants(1));
  build();
  ASSERT_TRUE(keeps("10.0.0.1:1"));
  restart();
  configure();
  EXPECT_EQ(build(), (Texts{"own", "ra"})) << "the build of the start";
  EXPECT_EQ(providers_->waits_for(), "the first list of provider etcd");
  pass_time();
  EXPECT_EQ(rebuilds_, 0);
  // It answers: the same, in what counts.
  put("a", route_text("ra", "x") + "\n" + upstream_text("x", "10.0.0.2:1"));
  ASSERT_TRUE(comes_to([&] { return !updates_.empty(); }));
  EXPECT_EQ(rebuilds_, 0);
  ASSERT_TRUE(comes_to([&] { return providers_->waits_for().empty(); }));
  EXPECT_TRUE(keeps("10.0.0.2:1"));
}

TEST_F(KeptDocumentsTest, OfAProviderThatAReloadBringsAreBuilt) {
  configure();
  put("a", route_text("ra"));
  ASSERT_TRUE(wants(1));
  build();
  ASSERT_TRUE(keeps("ra"));
  restart();
  providers_->begin_build();
  configure();
  providers_->committed(nullptr, 2);
  providers_->ended("");
  // The reload that named it had no documents yet; what configure() found comes with the next one.
  EXPECT_TRUE(wants(1));
}

TEST_F(KeptDocumentsTest, OfAnotherPrefixAreNotServed) {
  configure();
  put("a", route_text("ra"));
  ASSERT_TRUE(wants(1));
  build();
  ASSERT_TRUE(keeps("ra"));
  restart();
  file_.config.providers.etcd->prefix = "/other/";
  configure();
  EXPECT_EQ(build(), Texts{"own"});
}

TEST_F(KeptDocumentsTest, NonsenseIsNotServed) {
  std::ofstream(path()) << "nonsense";
  configure();
  EXPECT_EQ(build(), Texts{"own"});
  put("a", route_text("ra"));
  ASSERT_TRUE(wants(1));
  build();
  EXPECT_TRUE(keeps("ra")) << "and is replaced";
}

TEST_F(KeptDocumentsTest, AWrongVersionIsNotKept) {
  configure();
  put("a", route_text("ra"));
  ASSERT_TRUE(wants(1));
  build();
  ASSERT_TRUE(keeps("ra"));
  put("a", "routes: [");
  put("b", route_text("rb"));
  ASSERT_TRUE(wants(2));
  build();
  ASSERT_TRUE(keeps("rb"));
  EXPECT_TRUE(kept().contains("ra"));
  EXPECT_FALSE(kept().contains("routes: [\""));
}

TEST_F(KeptDocumentsTest, AreNotWrittenWhileAnotherProcessHasTheFolder) {
  providers_->keep(false);
  configure();
  put("a", route_text("ra"));
  ASSERT_TRUE(wants(1));
  build();
  pass_time();
  EXPECT_FALSE(std::filesystem::exists(path()));
  providers_->keep(true);
  EXPECT_TRUE(keeps("ra"));
}

TEST_F(KeptDocumentsTest, AreNotWrittenAfterTheEnd) {
  configure();
  put("a", route_text("ra"));
  ASSERT_TRUE(wants(1));
  build();
  ASSERT_TRUE(keeps("ra"));
  put("a", route_text("later"));
  ASSERT_TRUE(wants(2));
  providers_->stop();
  std::filesystem::remove(path());
  pass_time();
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(KeptDocumentsTest, WhatChangesWhileTheyAreWrittenIsWrittenNext) {
  configure();
  put("a", route_text("one"));
  ASSERT_TRUE(wants(1));
  hold_jobs_ = true;
  build();
  ASSERT_EQ(jobs_.size(), 1U);
  hold_jobs_ = false;
  put("a", route_text("two"));
  ASSERT_TRUE(wants(2));
  build();
  pass_time();
  EXPECT_FALSE(std::filesystem::exists(path())) << "one at a time";
  asio::post(main_, jobs_.front()());
  EXPECT_TRUE(keeps("two"));
}

}  // namespace
}  // namespace weir::provider
