#include "provider/etcd/calls.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <new>
#include <utility>

#include "provider/etcd/messages.hpp"

namespace weir::provider::etcd {
namespace {

constexpr long connect_milliseconds = 2000;
constexpr long keepalive_seconds = 10;
constexpr long keepalive_interval_seconds = 5;

struct CurlStart {
  CurlStart() { curl_global_init(CURL_GLOBAL_DEFAULT); }
};

struct FreeEasy {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct FreeFields {
  void operator()(curl_slist* fields) const noexcept { curl_slist_free_all(fields); }
};

struct Call {
  Calls::Id id = 0;
  std::unique_ptr<curl_slist, FreeFields> fields;  // outlives the handle
  std::unique_ptr<CURL, FreeEasy> handle;
  Question question;
  Calls::Done done;
  Calls::Line line;
  std::string received;
  std::string words;  // of curl, about what went wrong
  bool too_large = false;
  bool is_dropped = false;
};

long status_of(CURL* handle) {
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

// curl is C: nothing may be thrown through it.
std::size_t take_answer(char* data, std::size_t size, std::size_t count, void* to) noexcept {
  auto& call = *static_cast<Call*>(to);
  const std::string_view piece(data, size * count);
  if (call.is_dropped) return 0;
  try {
    if (call.received.size() + piece.size() > most_message_bytes) {
      call.too_large = true;
      return 0;
    }
    call.received += piece;
    if (!call.line || status_of(call.handle.get()) != 200) return piece.size();
    std::size_t begin = 0;
    for (std::size_t end = call.received.find('\n', begin); end != std::string::npos;
         end = call.received.find('\n', begin)) {
      if (end != begin) call.line(std::string_view(call.received).substr(begin, end - begin));
      begin = end + 1;
      if (call.is_dropped) return 0;
    }
    call.received.erase(0, begin);
  } catch (const std::exception&) {  // no memory
    call.too_large = true;
    return 0;
  }
  return piece.size();
}

void add_field(Call& call, const std::string& field) {
  curl_slist* next = curl_slist_append(call.fields.get(), field.c_str());
  if (next == nullptr) throw std::bad_alloc();
  static_cast<void>(call.fields.release());
  call.fields.reset(next);
}

void set_tls(CURL* handle, const config::EtcdTls& tls) {
  if (tls.ca) curl_easy_setopt(handle, CURLOPT_CAINFO, tls.ca.path.c_str());
  if (tls.cert) curl_easy_setopt(handle, CURLOPT_SSLCERT, tls.cert.path.c_str());
  if (tls.key) curl_easy_setopt(handle, CURLOPT_SSLKEY, tls.key.path.c_str());
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
}

std::unique_ptr<Call> make_call(const config::EtcdAccess& access, Question question) {
  static const CurlStart once;
  auto call = std::make_unique<Call>();
  call->question = std::move(question);
  call->words.resize(CURL_ERROR_SIZE);
  call->handle.reset(curl_easy_init());
  CURL* handle = call->handle.get();
  if (handle == nullptr) throw std::bad_alloc();
  add_field(*call, "Content-Type: application/json");
  add_field(*call, "Expect:");
  if (!call->question.token.empty()) add_field(*call, "Authorization: " + call->question.token);
  const std::string url = call->question.endpoint + call->question.path;
  const auto limit = std::chrono::ceil<std::chrono::milliseconds>(call->question.at_most).count();
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_POST, 1L);
  curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                   static_cast<curl_off_t>(call->question.body.size()));
  curl_easy_setopt(handle, CURLOPT_POSTFIELDS, call->question.body.c_str());
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, call->fields.get());
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, connect_milliseconds);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(limit));
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPIDLE, keepalive_seconds);
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPINTVL, keepalive_interval_seconds);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_PROXY, "");
  curl_easy_setopt(handle, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "weir");
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, call->words.data());
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_answer);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, call.get());
  if (access.tls) set_tls(handle, *access.tls);
  return call;
}

CallEnd end_of(Call& call, CURLcode code) {
  CallEnd out;
  if (call.too_large) {
    out.error = "the answer is larger than 64 MiB";
  } else if (code != CURLE_OK) {
    const char* words = call.words.c_str();
    out.error = *words != '\0' ? words : curl_easy_strerror(code);
  } else if (const long status = status_of(call.handle.get()); status != 200) {
    const std::string complaint = complaint_in(call.received);
    out.error = complaint.empty() ? fmt::format("status {}", status) : complaint;
  } else {
    out.body = std::move(call.received);
  }
  return out;
}

}  // namespace

class Calls::Transfers {
 public:
  Transfers() : multi_(curl_multi_init()) {
    if (multi_ == nullptr) throw std::bad_alloc();
  }
  ~Transfers() {
    for (const auto& [handle, call] : running_) {
      call->is_dropped = true;
      curl_multi_remove_handle(multi_, handle);
    }
    running_.clear();
    curl_multi_cleanup(multi_);
  }
  Transfers(const Transfers&) = delete;
  Transfers& operator=(const Transfers&) = delete;

  Id ask(std::unique_ptr<Call> call, Done done, Line line) {
    CURL* handle = call->handle.get();
    call->id = ++last_;
    call->done = std::move(done);
    call->line = std::move(line);
    const auto at = running_.emplace(handle, std::move(call)).first;
    if (curl_multi_add_handle(multi_, handle) != CURLM_OK) {
      running_.erase(at);
      throw std::bad_alloc();
    }
    return last_;
  }

  // Those are removed by the next turn: this may be called from within curl.
  void drop(Id id) {
    if (id == 0) return;
    for (const auto& [handle, call] : running_) {
      if (call->id == id) call->is_dropped = true;
    }
  }

  void turn(Duration at_most) {
    remove_dropped();
    int running = 0;
    curl_multi_perform(multi_, &running);
    if (tell_ends()) return;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(at_most).count();
    curl_multi_poll(multi_, nullptr, 0, static_cast<int>(std::clamp<long>(wait, 0, 60'000)),
                    nullptr);
  }

  void wake() noexcept { curl_multi_wakeup(multi_); }

 private:
  void remove_dropped() {
    for (auto at = running_.begin(); at != running_.end();) {
      if (!at->second->is_dropped) {
        ++at;
        continue;
      }
      curl_multi_remove_handle(multi_, at->first);
      at = running_.erase(at);
    }
  }

  bool tell_ends() {
    bool any = false;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* handle = message->easy_handle;
      const CURLcode code = message->data.result;
      const auto at = running_.find(handle);
      if (at == running_.end()) continue;
      const std::unique_ptr<Call> call = std::move(at->second);
      running_.erase(at);
      CallEnd end = end_of(*call, code);
      curl_multi_remove_handle(multi_, handle);
      any = true;
      if (!call->is_dropped) call->done(std::move(end));
    }
    return any;
  }

  CURLM* multi_;
  Id last_ = 0;
  std::map<CURL*, std::unique_ptr<Call>> running_;
};

Calls::Calls() : transfers_(std::make_unique<Transfers>()) {}
Calls::~Calls() = default;
Calls::Id Calls::ask(const config::EtcdAccess& access, Question question, Done done, Line line) {
  return transfers_->ask(make_call(access, std::move(question)), std::move(done), std::move(line));
}
void Calls::drop(Id call) { transfers_->drop(call); }
void Calls::turn(Duration at_most) { transfers_->turn(at_most); }
void Calls::wake() noexcept { transfers_->wake(); }

std::expected<std::string, std::string> ask_once(const config::EtcdAccess& access,
                                                 std::string_view path, const std::string& body) {
  constexpr Duration longest = std::chrono::seconds(10);
  const auto ask = [&](const std::string& endpoint, std::string_view where, const std::string& what,
                       const std::string& token) {
    const auto call = make_call(access, {endpoint, std::string(where), what, token, longest});
    const CURLcode code = curl_easy_perform(call->handle.get());
    const bool was_reached = code == CURLE_OK;
    return std::pair(end_of(*call, code), was_reached);
  };
  std::string errors;
  for (const std::string& endpoint : access.endpoints) {
    std::string token;
    if (!access.username.empty()) {
      auto [end, was_reached] = ask(endpoint, "/v3/auth/authenticate",
                                    token_question(access.username, access.password), "");
      auto parsed = end.error.empty() ? parse_token(end.body)
                                      : Parsed<std::string>(std::unexpected(end.error));
      if (!parsed && was_reached) return std::unexpected(endpoint + ": " + parsed.error());
      if (parsed) token = std::move(*parsed);
    }
    auto [end, was_reached] = ask(endpoint, path, body, token);
    if (end.error.empty()) return std::move(end.body);
    if (was_reached) return std::unexpected(endpoint + ": " + end.error);
    errors += (errors.empty() ? "" : "; ") + endpoint + ": " + end.error;
  }
  return std::unexpected(errors.empty() ? "there is no endpoint" : errors);
}

}  // namespace weir::provider::etcd
