#include "weir/names/resolver.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <list>
#include <map>
#include <set>
#include <utility>

#include "names/address_look_up.hpp"
#include "names/etc_files.hpp"
#include "names/found_addresses.hpp"

namespace weir::names {
namespace {

using control::LookUpEnd;

class SystemResolver final : public Resolver {
 public:
  SystemResolver(asio::io_context& main, const SystemFiles& files, const ResolverLimits& limits)
      : main_(main), limits_(limits), interval_(files.interval), files_(files), timer_(main) {}
  ~SystemResolver() override { SystemResolver::stop(); }

  void resolve(Question question, Done done) override {
    if (stopped_) return;
    watch_files();
    auto job = std::make_shared<Job>(main_, std::move(question), std::move(done));
    (slow_names_.contains(key_of(job->question)) ? slow_ : prompt_).push_back(std::move(job));
    // Never from within.
    asio::post(main_, [this, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) begin_next();
    });
  }

  void on_change(std::function<void()> changed) override { changed_ = std::move(changed); }

  void stop() override {
    if (std::exchange(stopped_, true)) return;
    alive_.reset();
    timer_.cancel();
    for (const auto& each : look_ups_) {
      if (const auto look_up = each.lock()) look_up->cancel();
    }
    look_ups_.clear();
    for (const auto& [servers, client] : clients_) client->close();
    clients_.clear();
    prompt_.clear();
    slow_.clear();
    for (const JobPtr& job : running_) job->prompt_time.cancel();
    running_.clear();
  }

 private:
  // One question, until its answer.
  struct Job {
    Job(asio::io_context& main, Question what, Done then)
        : question(std::move(what)), done(std::move(then)), prompt_time(main) {}
    enum class Place : std::uint8_t { prompt, slow, overdue };

    Question question;
    Done done;
    asio::steady_timer prompt_time;
    Place place = Place::prompt;
  };
  using JobPtr = std::shared_ptr<Job>;
  using Then = std::move_only_function<void(Addresses)>;

  static std::pair<std::string, std::vector<std::string>> key_of(const Question& question) {
    return {question.host, question.servers};
  }

  // --- how many at a time

  std::size_t& places(Job::Place place) { return counts_[static_cast<std::size_t>(place)]; }

  void begin_next() {
    while (!prompt_.empty() && places(Job::Place::prompt) < limits_.prompt) {
      begin(prompt_, Job::Place::prompt);
    }
    while (!slow_.empty() && places(Job::Place::slow) < limits_.slow) {
      begin(slow_, Job::Place::slow);
    }
  }

  void begin(std::deque<JobPtr>& from, Job::Place place) {
    const JobPtr job = std::move(from.front());
    from.pop_front();
    job->place = place;
    ++places(place);
    running_.push_back(job);
    if (place == Job::Place::prompt) {
      job->prompt_time.expires_after(limits_.prompt_time);
      job->prompt_time.async_wait(
          [this, alive = std::weak_ptr(alive_), job](boost::system::error_code ended) {
            if (ended || alive.expired() || places(Job::Place::overdue) >= limits_.overdue) return;
            move_to(*job, Job::Place::overdue);
            begin_next();
          });
    }
    look_up(job);
  }

  void move_to(Job& job, Job::Place place) {
    --places(job.place);
    job.place = place;
    ++places(place);
  }

  void ended(const JobPtr& job, Answer answer) {
    --places(job->place);
    job->prompt_time.cancel();
    std::erase(running_, job);
    if (answer.end == LookUpEnd::timed_out) {
      if (slow_names_.size() >= most_remembered) slow_names_.clear();
      slow_names_.insert(key_of(job->question));
    } else {
      slow_names_.erase(key_of(job->question));
    }
    asio::post(main_, [this, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) begin_next();
    });
    job->done(std::move(answer));
  }

  // --- one look-up

  // Its client, and how names are searched.
  std::shared_ptr<DnsClient> client_for(const Question& question, ResolvConf& conf,
                                        std::string& error) {
    conf = files_.conf();
    if (!question.servers.empty()) {
      conf = {};
      conf.servers = question.servers;
    }
    std::shared_ptr<DnsClient>& client = clients_[conf.servers];
    if (!client) {
      auto opened = DnsClient::open(main_, conf);
      if (opened) {
        client = std::move(*opened);
      } else {
        error = std::move(opened.error());
      }
    }
    return client;
  }

  void look_up(const JobPtr& job) {
    const Question& question = job->question;
    if (question.services) return look_up_services(job);
    look_up_addresses(
        question, question.host, question.last_name, true, [this, job](Addresses addresses) {
          Answer out;
          out.end = addresses.end;
          out.error = std::move(addresses.error);
          for (auto& [ip, part] : addresses.found) {
            out.found.push_back({SocketAddress(ip, job->question.port), 1, 0, part, {}});
          }
          out.lost = std::move(addresses.lost);
          out.ttl = addresses.ttl;
          out.source = addresses.source;
          out.name = std::move(addresses.name);
          ended(job, std::move(out));
        });
  }

  // `then` may be called from within, which is never within the caller of resolve().
  void look_up_addresses(const Question& question, const std::string& host,
                         const std::string& last_name, bool searches, Then then) {
    Addresses out = local_addresses(files_.hosts(), host, question.family);
    if (out.end == LookUpEnd::found) return then(std::move(out));
    ResolvConf conf;
    const auto client = client_for(question, conf, out.error);
    if (!client) {
      out.end = LookUpEnd::failed;
      return then(std::move(out));
    }
    std::vector<RecordType> types;
    const bool v4 = question.family == Family::ipv4 || (question.family == Family::any);
    const bool v6 =
        question.family == Family::ipv6 || (question.family == Family::any && !conf.no_aaaa);
    if (v4) types.push_back(RecordType::a);
    if (v6) types.push_back(RecordType::aaaa);
    auto names = searches ? candidates(host, conf) : std::vector{host};
    begin_search(std::make_shared<SearchLookUp>(
        main_, client, std::move(names), last_name, types, limits_,
        [this, alive = std::weak_ptr(alive_), types,
         then = std::move(then)](SearchLookUp::Result result) mutable {
          if (!alive.expired()) then(addresses_of(std::move(result), types));
        }));
  }

  void begin_search(const std::shared_ptr<SearchLookUp>& look_up) {
    std::erase_if(look_ups_, [](const auto& each) { return each.expired(); });
    look_ups_.push_back(look_up);
    look_up->begin();
  }

  // --- SRV

  struct Services {
    JobPtr job;
    Answer answer;
    std::vector<SrvRecord> records;
    std::size_t left = 0;
    std::string error;  // of a target without an address
  };

  void look_up_services(const JobPtr& job) {
    ResolvConf conf;
    Answer failed;
    const auto client = client_for(job->question, conf, failed.error);
    if (!client) return ended(job, std::move(failed));
    begin_search(std::make_shared<SearchLookUp>(
        main_, client, candidates(job->question.host, conf), job->question.last_name,
        std::vector{RecordType::srv}, limits_,
        [this, alive = std::weak_ptr(alive_), job](SearchLookUp::Result result) {
          if (!alive.expired()) look_up_targets(job, std::move(result));
        }));
  }

  void look_up_targets(const JobPtr& job, SearchLookUp::Result result) {
    auto services = std::make_shared<Services>();
    services->job = job;
    Answer& answer = services->answer;
    answer.end = result.end;
    answer.error = std::move(result.error);
    answer.ttl = result.negative_ttl;
    answer.source = Source::dns;
    answer.name = std::move(result.name);
    if (result.end != LookUpEnd::found) return ended(job, std::move(answer));
    DnsAnswer& found = result.outcomes.front().answer;
    answer.ttl = found.ttl;
    services->records = std::move(found.services);
    std::vector<std::string> targets;
    for (const SrvRecord& record : services->records) {
      const bool is_new = std::ranges::find(targets, record.target) == targets.end();
      if (is_new && targets.size() < limits_.most_targets) targets.push_back(record.target);
    }
    services->left = targets.size();
    for (const std::string& target : targets) {
      look_up_addresses(job->question, target, {}, false,
                        [this, services, target](Addresses addresses) {
                          take_target(*services, target, std::move(addresses));
                          if (--services->left == 0) end_services(*services);
                        });
    }
  }

  static void take_target(Services& to, const std::string& target, Addresses addresses) {
    Answer& answer = to.answer;
    if (addresses.end == LookUpEnd::failed || addresses.end == LookUpEnd::timed_out) {
      for (const RecordType type : {RecordType::a, RecordType::aaaa}) {
        answer.lost.push_back(part_of(type, target));
      }
    }
    std::ranges::move(addresses.lost, std::back_inserter(answer.lost));
    if (addresses.end != LookUpEnd::found && to.error.empty()) to.error = addresses.error;
    if (addresses.ttl) answer.ttl = std::min(answer.ttl.value_or(*addresses.ttl), *addresses.ttl);
    add_target(answer, to.records, target, addresses);
  }

  void end_services(Services& services) {
    Answer& answer = services.answer;
    if (answer.found.empty()) {
      // The hosts were told, and none of them has an address now.
      answer.end = answer.lost.empty() ? LookUpEnd::no_data : LookUpEnd::failed;
      answer.error = services.error;
    }
    ended(services.job, std::move(answer));
  }

  // --- files

  void watch_files() {
    if (std::exchange(watches_, true)) return;
    (void)files_.look();
    look_again();
  }

  void look_again() {
    timer_.expires_after(interval_);
    timer_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code stopped) {
      if (stopped || alive.expired()) return;
      if (files_.look()) {
        // What is under way ends as it began.
        clients_.clear();
        if (changed_) changed_();
      }
      if (!stopped_) look_again();
    });
  }

  // A name too many is forgotten with all others, and asked as if it had been quick.
  static constexpr std::size_t most_remembered = 4096;

  asio::io_context& main_;
  const ResolverLimits limits_;
  const Duration interval_;
  EtcFiles files_;
  asio::steady_timer timer_;
  std::function<void()> changed_;
  std::map<std::vector<std::string>, std::shared_ptr<DnsClient>> clients_;  // by their servers
  std::deque<JobPtr> prompt_;
  std::deque<JobPtr> slow_;  // no server answered them last time
  std::list<JobPtr> running_;
  std::vector<std::weak_ptr<SearchLookUp>> look_ups_;  // under way
  std::size_t counts_[3] = {};                         // by Job::Place
  std::set<std::pair<std::string, std::vector<std::string>>> slow_names_;
  bool watches_ = false;
  bool stopped_ = false;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // until stop()
};

}  // namespace

std::string_view name(Source source) noexcept {
  switch (source) {
    case Source::hosts:
      return "hosts";
    case Source::loopback:
      return "loopback";
    case Source::dns:
      return "dns";
    case Source::none:
      break;
  }
  return "";
}

std::unique_ptr<Resolver> make_resolver(asio::io_context& main, SystemFiles files,
                                        ResolverLimits limits) {
  return std::make_unique<SystemResolver>(main, files, limits);
}

}  // namespace weir::names
