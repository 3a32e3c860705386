#include "auth/key_fetches.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

#include "auth/key_set.hpp"
#include "weir/base/text.hpp"

namespace weir::auth {
namespace {

constexpr long connect_milliseconds = 3000;
constexpr long most_milliseconds = 10'000;
constexpr long most_redirects = 3;

struct CurlOnce {
  CurlOnce() { curl_global_init(CURL_GLOBAL_DEFAULT); }
};

struct Transfer {
  struct Free {
    void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
  };
  std::unique_ptr<CURL, Free> handle;
  KeyFetches::Done done;
  Fetched fetched;
  bool too_large = false;
};

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* to) {
  auto& transfer = *static_cast<Transfer*>(to);
  if (transfer.fetched.body.size() + size * count > most_key_set_bytes) {
    transfer.too_large = true;
    return 0;
  }
  transfer.fetched.body.append(data, size * count);
  return size * count;
}

std::size_t take_field(char* data, std::size_t size, std::size_t count, void* to) {
  auto& transfer = *static_cast<Transfer*>(to);
  const std::string_view line(data, size * count);
  constexpr std::string_view name = "cache-control:";
  if (line.starts_with("HTTP/")) {  // of the answer after a redirect
    transfer.fetched.max_age.reset();
  } else if (istarts_with(line, name)) {
    transfer.fetched.max_age = max_age_of(line.substr(name.size()));
  }
  return size * count;
}

}  // namespace

std::optional<Duration> max_age_of(std::string_view cache_control) noexcept {
  constexpr std::string_view name = "max-age=";
  while (cache_control.ends_with('\n') || cache_control.ends_with('\r')) {
    cache_control.remove_suffix(1);
  }
  std::optional<Duration> out;
  for_each_element(cache_control, [&](std::string_view directive) {
    if (iequals(directive, "no-store") || iequals(directive, "no-cache")) {
      out = Duration::zero();
      return false;
    }
    if (istarts_with(directive, name)) {
      const auto seconds = parse_decimal(directive.substr(name.size()));
      constexpr std::uint64_t most = 366ULL * 24 * 3600;
      if (seconds) out = std::chrono::seconds(std::min(*seconds, most));
    }
    return true;
  });
  return out;
}

class KeyFetches::Transfers {
 public:
  Transfers() {
    static const CurlOnce once;
    multi_ = curl_multi_init();
    if (multi_ == nullptr) throw std::bad_alloc();
  }
  ~Transfers() {
    for (const auto& each : running_) curl_multi_remove_handle(multi_, each->handle.get());
    running_.clear();
    curl_multi_cleanup(multi_);
  }
  Transfers(const Transfers&) = delete;
  Transfers& operator=(const Transfers&) = delete;

  void start(const std::string& url, Done done) {
    auto transfer = std::make_unique<Transfer>();
    transfer->handle.reset(curl_easy_init());
    CURL* handle = transfer->handle.get();
    if (handle == nullptr) throw std::bad_alloc();
    transfer->done = std::move(done);
    const char* scheme = istarts_with(url, "https:") ? "https" : "http";
    curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, scheme);
    curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, scheme);
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(handle, CURLOPT_MAXREDIRS, most_redirects);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, connect_milliseconds);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, most_milliseconds);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "weir");
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer.get());
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_field);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, transfer.get());
    if (curl_multi_add_handle(multi_, handle) != CURLM_OK) throw std::bad_alloc();
    running_.push_back(std::move(transfer));
  }

  void turn(Duration at_most) {
    int running = 0;
    curl_multi_perform(multi_, &running);
    if (tell_done()) return;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(at_most).count();
    curl_multi_poll(multi_, nullptr, 0, static_cast<int>(std::clamp<long>(wait, 0, 3'600'000)),
                    nullptr);
  }

  void wake() noexcept { curl_multi_wakeup(multi_); }

 private:
  bool tell_done() {
    bool any = false;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* handle = message->easy_handle;
      const CURLcode code = message->data.result;
      const auto place =
          std::ranges::find(running_, handle, [](const auto& each) { return each->handle.get(); });
      const std::unique_ptr<Transfer> transfer = std::move(*place);
      running_.erase(place);
      long status = 0;
      curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
      curl_multi_remove_handle(multi_, handle);
      if (transfer->too_large) {
        transfer->fetched.error = "larger than 1 MiB";
      } else if (code != CURLE_OK) {
        transfer->fetched.error = curl_easy_strerror(code);
      } else if (status != 200) {
        transfer->fetched.error = "status " + std::to_string(status);
      }
      any = true;
      transfer->done(std::move(transfer->fetched));
    }
    return any;
  }

  CURLM* multi_ = nullptr;
  std::vector<std::unique_ptr<Transfer>> running_;
};

KeyFetches::KeyFetches() : transfers_(std::make_unique<Transfers>()) {}
KeyFetches::~KeyFetches() = default;
void KeyFetches::start(const std::string& url, Done done) {
  transfers_->start(url, std::move(done));
}
void KeyFetches::turn(Duration at_most) { transfers_->turn(at_most); }
void KeyFetches::wake() noexcept { transfers_->wake(); }

}  // namespace weir::auth
