#include "weir/auth/key_keeper.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "auth/file_content.hpp"
#include "auth/issuer_keys.hpp"
#include "auth/key_fetches.hpp"
#include "auth/key_source.hpp"
#include "weir/base/signals.hpp"
#include "weir/telemetry/occasional.hpp"

namespace weir::auth {

namespace log = telemetry::log;

namespace {

constexpr Duration between_looks = std::chrono::seconds(1);

std::string key_of(const config::JwtIssuer& issuer) {
  std::string out = std::to_string(static_cast<int>(issuer.keys.kind)) + '\n';
  out += issuer.keys.path.empty() ? issuer.keys.value : issuer.keys.path;
  for (std::size_t i = 0; i < algorithm_count; ++i) {
    out += algorithms_of(issuer).has(static_cast<Algorithm>(i)) ? '1' : '0';
  }
  return out;
}

}  // namespace

class KeyKeeper::Thread {
 public:
  ~Thread() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    fetches_.wake();
    if (thread_.joinable()) thread_.join();
  }

  std::expected<std::shared_ptr<KeySource>, std::string> source(const config::JwtIssuer& issuer) {
    const config::JwtKeys& keys = issuer.keys;
    const bool remote = keys.kind == config::JwtKeyKind::jwks_url;
    std::shared_ptr<const KeySet> set;
    std::string content;
    if (!remote) {
      content = keys.kind == config::JwtKeyKind::secret ? keys.value : keys.content;
      auto parsed = parse_keys(keys.kind, content, algorithms_of(issuer));
      if (!parsed) return std::unexpected(std::move(parsed.error()));
      set = std::move(*parsed);
    }
    const std::lock_guard lock(mutex_);
    std::erase_if(kept_, [](const auto& each) { return each->source.expired(); });
    const std::string key = key_of(issuer);
    for (const auto& each : kept_) {
      const std::shared_ptr<KeySource> source = each->key == key ? each->source.lock() : nullptr;
      if (source == nullptr) continue;
      if (!remote && content != each->content) {
        each->content = std::move(content);
        source->publish(std::move(set));
      }
      return source;
    }
    auto made = remote ? std::make_shared<KeySource>(Clock::now(), [this] { fetches_.wake(); })
                       : std::make_shared<KeySource>(std::move(set));
    auto kept = std::make_shared<Kept>();
    kept->key = key;
    kept->kind = keys.kind;
    kept->place = remote ? keys.value : keys.path;
    kept->wanted = algorithms_of(issuer);
    kept->content = std::move(content);
    kept->source = made;
    kept_.push_back(std::move(kept));
    if (keys.kind != config::JwtKeyKind::secret) run_soon();
    return made;
  }

 private:
  struct Kept {
    // Constant.
    std::string key;
    config::JwtKeyKind kind = config::JwtKeyKind::none;
    std::string place;
    Algorithms wanted;
    std::weak_ptr<KeySource> source;
    std::string content;  // what the keys in force were read from; guarded by mutex_
    // The thread's.
    FileIdentity identity;  // of what was read last, all zero when it was of no use
    bool looked = false;
    bool failing = false;
  };

  // REQUIRES: mutex_ is held.
  void run_soon() {
    if (thread_.joinable()) {
      fetches_.wake();
    } else {
      thread_ = std::thread([this] { run(); });
    }
  }

  void run() {
    block_signals();
    while (true) {
      std::vector<std::shared_ptr<Kept>> all;
      {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        all = kept_;
      }
      TimePoint next = TimePoint::max();
      const TimePoint now = Clock::now();
      for (const std::shared_ptr<Kept>& each : all) next = std::min(next, look(each, now));
      all.clear();
      fetches_.turn(next == TimePoint::max() ? Duration(std::chrono::hours(1))
                                             : std::max(next - now, Duration::zero()));
    }
  }

  // Does what is due for one source; returns when to look again.
  TimePoint look(const std::shared_ptr<Kept>& kept, TimePoint now) {
    const std::shared_ptr<KeySource> source = kept->source.lock();
    if (source == nullptr || kept->kind == config::JwtKeyKind::secret) return TimePoint::max();
    if (kept->kind != config::JwtKeyKind::jwks_url) {
      read_again(*kept, *source, now);
      return now + between_looks;
    }
    const TimePoint due = source->due();
    if (due > now) return due;
    source->begin_fetch();
    fetches_.start(kept->place, [this, kept](Fetched fetched) { arrived(*kept, fetched); });
    return TimePoint::max();
  }

  void read_again(Kept& kept, KeySource& source, TimePoint now) {
    const FileIdentity identity = identity_of(kept.place);
    if (identity == kept.identity) return;
    // What cannot be used is read again at the next look: the fault may lie elsewhere than in the
    // file, which then never changes.
    const bool first = !std::exchange(kept.looked, true);
    kept.identity = FileIdentity();
    auto content = read_key_file(kept.place);
    if (!content) return complain(kept, content.error(), now);
    if (kept.kind == config::JwtKeyKind::secret_file && content->ends_with('\n')) {
      content->pop_back();
    }
    const auto outcome = take(kept, source, std::move(*content));
    if (!outcome) return complain(kept, outcome.error(), now);
    kept.identity = identity;
    kept.failing = false;
    if (*outcome && !first) log::info("keys read again", {{"file", kept.place}});
  }

  void arrived(Kept& kept, Fetched& fetched) {
    const TimePoint now = Clock::now();
    const std::shared_ptr<KeySource> source = kept.source.lock();
    if (source == nullptr) return;
    if (fetched.error.empty()) {
      const auto outcome = take(kept, *source, std::move(fetched.body));
      if (!outcome) fetched.error = outcome.error();
    }
    if (!fetched.error.empty()) {
      complain(kept, fetched.error, now);
    } else if (std::exchange(kept.failing, false)) {
      log::info("keys fetched again", {{"url", kept.place}});
    }
    source->end_fetch(fetched.error.empty(), fetched.max_age, now);
  }

  // Whether the keys are others now. Those in force stay when `content` holds none.
  std::expected<bool, std::string> take(Kept& kept, KeySource& source, std::string content) {
    const std::lock_guard lock(mutex_);
    if (content == kept.content) return false;
    auto parsed = parse_keys(kept.kind, content, kept.wanted);
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    kept.content = std::move(content);
    source.publish(std::move(*parsed));
    return true;
  }

  void complain(Kept& kept, const std::string& error, TimePoint now) {
    kept.failing = true;
    const bool remote = kept.kind == config::JwtKeyKind::jwks_url;
    log::occasionally(now, log::Level::warn, remote ? "keys not fetched" : "keys not read",
                      {{remote ? "url" : "file", kept.place}, {"error", error}});
  }

  KeyFetches fetches_;
  std::mutex mutex_;
  bool stopping_ = false;                    // guarded by mutex_
  std::vector<std::shared_ptr<Kept>> kept_;  // guarded by mutex_
  std::thread thread_;                       // begun under mutex_
};

std::shared_ptr<const telemetry::SharedValue> last_success(const KeySource& source) {
  return source.last_success();
}

KeyKeeper::KeyKeeper() : thread_(std::make_unique<Thread>()) {}
KeyKeeper::~KeyKeeper() = default;

std::expected<std::shared_ptr<KeySource>, std::string> KeyKeeper::source(
    const config::JwtIssuer& issuer) {
  return thread_->source(issuer);
}

}  // namespace weir::auth
