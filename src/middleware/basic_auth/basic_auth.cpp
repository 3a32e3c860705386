#include "middleware/basic_auth/basic_auth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "middleware/basic_auth/password.hpp"
#include "middleware/basic_auth/verdict_cache.hpp"
#include "weir/base/text.hpp"
#include "weir/http/answer.hpp"
#include "weir/http/forwarded.hpp"
#include "weir/net/loop_of.hpp"
#include "weir/net/offloaded.hpp"

namespace weir {
namespace {

using namespace std::chrono_literals;

// How long a request waits for its password to be hashed, the queue included.
constexpr Duration longest_wait = 5s;
constexpr Duration verdict_ttl = 5min;
// Hashed in place of an unknown user's where the file knows nobody.
constexpr std::string_view nobody =
    "$6$weirnobody$"
    "qn8bZG16fIXNkSqBu/aFc5HV4L/xPV564b/4igVjEwYElGJPLOiO69mCfld6cN5i7SK1juGOGppO3gVdhgP1d.";

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

// The credentials of a request: `refusal` is none where there is something to be checked, otherwise
// why there is not, with a few words for the problem's detail.
struct OfferedPassword {
  Reason refusal = Reason::none;
  std::string_view detail = {};
  std::string user = {};
  std::string password = {};
};

// The credentials of RFC 7617 section 2 in Authorization.
OfferedPassword offered_password(const HeaderMap& headers) {
  constexpr std::string_view scheme = "basic ";
  const std::size_t lines = headers.count(FieldId::authorization);
  const std::string_view sent = headers.get(FieldId::authorization).value_or("");
  if (lines == 0 || (lines == 1 && !istarts_with(sent, scheme))) {
    return {.refusal = Reason::credentials_missing,
            .detail = "authorization: Basic credentials are missing"};
  }
  const auto malformed = [] {
    return OfferedPassword{.refusal = Reason::credentials_invalid,
                           .detail = "authorization: the Basic credentials are malformed"};
  };
  if (lines > 1) return malformed();
  const auto text = base64_decode(trim(sent.substr(scheme.size())));
  if (!text) return malformed();
  const std::size_t colon = text->find(':');
  if (colon == std::string::npos || std::ranges::any_of(*text, is_control)) return malformed();
  if (text->size() - colon - 1 > longest_password) return malformed();
  return {.user = text->substr(0, colon), .password = text->substr(colon + 1)};
}

// The users of one file. Shared with the jobs that hash for it, which may outlive a reload.
class Users {
 public:
  explicit Users(const std::vector<std::pair<std::string, std::string>>& users)
      : hashes_(users.begin(), users.end()), verdicts_(verdict_ttl) {
    for (const auto& [name, hash] : hashes_) order_.push_back(&hash);
  }

  struct Claim {
    OfferedPassword credentials;
    const std::string* hash = nullptr;  // the user's, or a stranger's decoy
    bool known = false;
    VerdictCache::Digest digest{};
  };

  Claim claim(OfferedPassword credentials) const {
    Claim claim{std::move(credentials)};
    const auto found = hashes_.find(claim.credentials.user);
    claim.known = found != hashes_.end();
    claim.hash = claim.known ? &found->second : &decoy(claim.credentials.user);
    claim.digest = VerdictCache::digest(std::array<std::string_view, 3>{
        claim.credentials.user, claim.credentials.password, *claim.hash});
    return claim;
  }

  bool remembers(const Claim& claim, TimePoint now) {
    return claim.known && verdicts_.contains(claim.digest, now);
  }

  // Slow. The cache is asked again, as many requests with the same credentials may queue behind
  // the first.
  bool verify(const Claim& claim, TimePoint now) {
    if (remembers(claim, now)) return true;
    const bool same = verify_password(claim.credentials.password, *claim.hash);
    if (!same || !claim.known) return false;
    verdicts_.insert(claim.digest, now);
    return true;
  }

 private:
  // A stranger's name is answered in the time of some user's, always the same one for the name, so
  // that time does not tell which names exist.
  const std::string& decoy(const std::string& name) const {
    if (order_.empty()) return nobody_;
    return *order_[std::hash<std::string>{}(name) % order_.size()];
  }

  const std::map<std::string, std::string, std::less<>> hashes_;
  std::vector<const std::string*> order_;
  const std::string nobody_{nobody};
  VerdictCache verdicts_;
};

// RFC 7617. The user's name goes to the upstream in a field of its own, which no client can set.
// Authorization is forwarded as it came, as other gateways do; a route that minds removes it.
class BasicAuth final : public Middleware {
 public:
  BasicAuth(const config::BasicAuth& spec, Offload& offload)
      : offload_(offload),
        users_(std::make_shared<Users>(spec.users)),
        challenge_("Basic realm=\""),
        header_(spec.header) {
    for (const char c : spec.realm) {
      if (c == '"' || c == '\\') challenge_ += '\\';
      challenge_ += c;
    }
    challenge_ += "\", charset=\"UTF-8\"";
  }

  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    HeaderMap& headers = request.head.headers;
    remove_spellings(headers, header_);

    OfferedPassword offered = offered_password(headers);
    if (offered.refusal != Reason::none) {
      co_return refuse(offered.refusal, offered.detail, exchange);
    }
    Users::Claim claim = users_->claim(std::move(offered));
    const std::string_view user = headers.arena().copy(claim.credentials.user);

    net::Loop& loop = net::loop_of(exchange);
    const TimePoint now = loop.now();
    if (!users_->remembers(claim, now)) {
      auto work = [users = users_, claim = std::move(claim), now] {
        return users->verify(claim, now);
      };
      const Offload::For whom{Offload::Use::passwords, exchange.context.client_ip};
      const Result<bool> verdict = co_await net::offload(offload_, loop, now + longest_wait,
                                                         std::move(work), whom, &exchange.scope);
      if (!verdict) co_return problem(verdict.error(), exchange.context.request_id());
      if (!*verdict) {
        co_return refuse(Reason::credentials_invalid, "authorization: wrong user or password",
                         exchange);
      }
    }
    exchange.decisions.user = user;
    headers.add(header_, user);
    co_return co_await next(request, exchange);
  }

 private:
  Response refuse(Reason reason, std::string_view detail, const Exchange& exchange) const {
    Response response = problem(reason, detail, exchange.context.request_id());
    response.head.headers.add(FieldId::www_authenticate, "www-authenticate", challenge_);
    return response;
  }

  Offload& offload_;
  const std::shared_ptr<Users> users_;
  std::string challenge_;
  const std::string header_;
};

}  // namespace

std::shared_ptr<Middleware> make_basic_auth(const config::BasicAuth& spec, const Making& with) {
  return std::make_shared<BasicAuth>(spec, with.services.offload);
}

// The password is not hashed.
Explained explain_basic_auth(const config::BasicAuth& spec, Explaining& asked) {
  HeaderMap& headers = asked.request.head.headers;
  remove_spellings(headers, spec.header);
  const OfferedPassword offered = offered_password(headers);
  if (offered.refusal != Reason::none) {
    return explain_refusal("basic_auth", offered.refusal, offered.detail);
  }
  asked.exchange.decisions.user = headers.arena().copy(offered.user);
  headers.add(spec.header, asked.exchange.decisions.user);
  return {.text = fmt::format("basic_auth: the password of {} would be checked (realm {})",
                              offered.user, spec.realm)};
}

std::vector<std::string> fields_of_basic_auth(const config::BasicAuth& spec) {
  return {spec.header};
}

}  // namespace weir
