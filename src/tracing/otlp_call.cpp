#include "tracing/otlp_call.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <ctime>
#include <new>
#include <utility>

#include "weir/base/release.hpp"
#include "weir/base/text.hpp"
#include "weir/http/retry_after.hpp"

namespace weir::tracing {
namespace {

constexpr std::size_t most_reply = std::size_t{64} << 10;  // bytes
constexpr long keepalive_idle_seconds = 30;

struct CurlReady {
  CurlReady() { curl_global_init(CURL_GLOBAL_DEFAULT); }
};

struct CloseEasy {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using FieldList = std::unique_ptr<curl_slist, FreeList>;

void append(FieldList& list, const std::string& field) {
  curl_slist* const longer = curl_slist_append(list.get(), field.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  static_cast<void>(list.release());
  list.reset(longer);
}

}  // namespace

class OtlpCall::Transfer {
 public:
  explicit Transfer(const config::Otlp& to) : url_(to.endpoint + "/v1/traces") {
    static const CurlReady once;
    multi_ = curl_multi_init();
    easy_.reset(curl_easy_init());
    if (multi_ == nullptr || !easy_) throw std::bad_alloc();
    for (FieldList* list : {&plain_fields_, &gzip_fields_}) {
      append(*list, "Content-Type: application/x-protobuf");
      append(*list, "Expect:");
      for (const auto& [name, value] : to.headers) append(*list, name + ": " + value);
    }
    append(gzip_fields_, "Content-Encoding: gzip");
    const std::string agent = "weir/" + std::string(release());
    CURL* const handle = easy_.get();
    curl_easy_setopt(handle, CURLOPT_URL, url_.c_str());
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(handle, CURLOPT_TCP_KEEPIDLE, keepalive_idle_seconds);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    curl_easy_setopt(handle, CURLOPT_USERAGENT, agent.c_str());
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_field);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, this);
    if (!to.tls) return;
    if (to.tls->ca) curl_easy_setopt(handle, CURLOPT_CAINFO, to.tls->ca.path.c_str());
    if (to.tls->cert) curl_easy_setopt(handle, CURLOPT_SSLCERT, to.tls->cert.path.c_str());
    if (to.tls->key) curl_easy_setopt(handle, CURLOPT_SSLKEY, to.tls->key.path.c_str());
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, to.tls->verify ? 1L : 0L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, to.tls->verify ? 2L : 0L);
  }
  ~Transfer() {
    drop();
    easy_.reset();
    curl_multi_cleanup(multi_);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  void begin(std::string body, bool is_gzip, Duration at_most) {
    body_ = std::move(body);
    end_ = {};
    CURL* const handle = easy_.get();
    const auto limit = std::chrono::ceil<std::chrono::milliseconds>(at_most).count();
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, (is_gzip ? gzip_fields_ : plain_fields_).get());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body_.size()));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body_.data());
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(limit)));
    if (curl_multi_add_handle(multi_, handle) != CURLM_OK) throw std::bad_alloc();
    under_way_ = true;
  }

  bool under_way() const noexcept { return under_way_; }

  std::optional<CallEnd> turn(Duration at_most) {
    int running = 0;
    curl_multi_perform(multi_, &running);
    if (auto end = finished()) return end;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(at_most).count();
    curl_multi_poll(multi_, nullptr, 0, static_cast<int>(std::clamp<long>(wait, 0, 60'000)),
                    nullptr);
    return std::nullopt;
  }

  void drop() noexcept {
    if (!std::exchange(under_way_, false)) return;
    curl_multi_remove_handle(multi_, easy_.get());
  }

  void wake() noexcept { curl_multi_wakeup(multi_); }

 private:
  std::optional<CallEnd> finished() {
    int left = 0;
    const CURLMsg* const message = curl_multi_info_read(multi_, &left);
    if (message == nullptr || message->msg != CURLMSG_DONE) return std::nullopt;
    const CURLcode code = message->data.result;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &end_.status);
    drop();
    // An answer that is longer than is read has been understood all the same.
    if (code != CURLE_OK && !too_long_) end_.error = curl_easy_strerror(code);
    too_long_ = false;
    return std::move(end_);
  }

  // curl is C: nothing may be thrown through it.
  static std::size_t take_body(char* data, std::size_t size, std::size_t count, void* to) noexcept {
    auto& self = *static_cast<Transfer*>(to);
    self.too_long_ = self.end_.body.size() + size * count > most_reply;
    if (self.too_long_) return 0;
    try {
      self.end_.body.append(data, size * count);
    } catch (const std::bad_alloc&) {
      return 0;
    }
    return size * count;
  }

  static std::size_t take_field(char* data, std::size_t size, std::size_t count,
                                void* to) noexcept {
    auto& self = *static_cast<Transfer*>(to);
    std::string_view line(data, size * count);
    constexpr std::string_view name = "retry-after:";
    if (!istarts_with(line, name)) return size * count;
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    self.end_.retry_after = parse_retry_after(trim(line.substr(name.size())), std::time(nullptr));
    return size * count;
  }

  const std::string url_;
  FieldList plain_fields_;
  FieldList gzip_fields_;
  std::unique_ptr<CURL, CloseEasy> easy_;
  CURLM* multi_ = nullptr;
  std::string body_;
  CallEnd end_;
  bool under_way_ = false;
  bool too_long_ = false;
};

OtlpCall::OtlpCall(const config::Otlp& to) : transfer_(std::make_unique<Transfer>(to)) {}
OtlpCall::~OtlpCall() = default;
void OtlpCall::begin(std::string body, bool is_gzip, Duration at_most) {
  transfer_->begin(std::move(body), is_gzip, at_most);
}
bool OtlpCall::under_way() const noexcept { return transfer_->under_way(); }
std::optional<CallEnd> OtlpCall::turn(Duration at_most) { return transfer_->turn(at_most); }
void OtlpCall::drop() noexcept { transfer_->drop(); }
void OtlpCall::wake() noexcept { transfer_->wake(); }

}  // namespace weir::tracing
