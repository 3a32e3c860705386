#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <vector>

#include "middleware/rate_limit/rate_limit.hpp"
#include "weir/base/text.hpp"

namespace weir {
namespace {

constexpr std::string_view policy_field = "ratelimit-policy";
constexpr std::string_view limit_field = "ratelimit";
constexpr std::string_view x_limit = "x-ratelimit-limit";
constexpr std::string_view x_remaining = "x-ratelimit-remaining";
constexpr std::string_view x_reset = "x-ratelimit-reset";

std::int64_t seconds_up(Duration time) noexcept {
  return std::chrono::ceil<std::chrono::seconds>(time).count();
}

// Text put together on the stack and then copied once, into the answer's arena.
class Line {
 public:
  void add(std::string_view text) noexcept {
    const std::size_t size = std::min(text.size(), bytes_.size() - size_);
    std::memcpy(bytes_.data() + size_, text.data(), size);
    size_ += size;
  }
  void add(std::uint64_t number) noexcept {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    add({digits, static_cast<std::size_t>(end - digits)});
  }
  std::string_view text() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<char, 40> bytes_;  // more than ";r=", ";t=" and two numbers
  std::size_t size_ = 0;
};

class RateLimitHeaders final : public Middleware {
 public:
  explicit RateLimitHeaders(std::vector<std::shared_ptr<RateLimit>> policies)
      : policies_(std::move(policies)) {
    for (const auto& policy : policies_) {
      if (!policy_items_.empty()) policy_items_ += ", ";
      policy_items_ += policy->policy_item();
    }
  }

  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    RateLimitMarks marks;
    exchange.decisions.rate_limits = &marks;
    Response response = co_await next(request, exchange);
    exchange.decisions.rate_limits = nullptr;
    tell(marks, request, exchange, response.head.headers);
    co_return response;
  }

 private:
  struct Told {
    const RateLimit* policy = nullptr;
    control::Gcra::View view;
    bool refused = false;

    Told() = default;
    Told(const RateLimit& about, const control::RateLimiter::Decision& decision) noexcept
        : policy(&about), view(about.view(decision)), refused(!decision.allowed) {}
  };

  void tell(const RateLimitMarks& marks, const Request& request, const Exchange& exchange,
            HeaderMap& headers) const {
    std::string items;
    Told tightest;
    for (const auto& policy : policies_) {
      const RateLimitMarks::Mark* decided = marks.find(*policy);
      const Told told(*policy,
                      decided != nullptr ? decided->decision : policy->look(request, exchange));
      append_item(items, told);
      if (tightest.policy == nullptr || tighter(told, tightest)) tightest = told;
    }
    Upstream theirs = take_out(headers);
    add(headers, policy_field, policy_items_, theirs.policies);
    add(headers, limit_field, items, theirs.limits);
    add_number(headers, x_limit, tightest.policy->burst());
    add_number(headers, x_remaining, tightest.view.left);
    add_number(headers, x_reset, static_cast<std::uint64_t>(seconds_up(tightest.view.full)));
  }

  // One that refuses before one that only watches; then who lets fewer requests pass, then who is
  // slower to recover.
  static bool tighter(const Told& a, const Told& b) noexcept {
    if (a.policy->dry_run() != b.policy->dry_run()) return b.policy->dry_run();
    const std::uint64_t a_left = a.refused ? 0 : a.view.left / a.policy->cost();
    const std::uint64_t b_left = b.refused ? 0 : b.view.left / b.policy->cost();
    return a_left != b_left ? a_left < b_left : a.view.full > b.view.full;
  }

  static void append_item(std::string& items, const Told& told) {
    if (!items.empty()) items += ", ";
    Line numbers;
    numbers.add(";r=");
    numbers.add(told.view.left);
    numbers.add(";t=");
    numbers.add(static_cast<std::uint64_t>(std::max<std::int64_t>(1, seconds_up(told.view.grows))));
    items += '"';
    items += told.policy->name();
    items += '"';
    items += numbers.text();
  }

  // The upstream's own fields, removed. Its items go after ours; its numbers are of another limit.
  struct Upstream {
    std::string policies;
    std::string limits;
  };
  static Upstream take_out(HeaderMap& headers) {
    Upstream out;
    headers.remove_if([&](const HeaderMap::Field& field) {
      if (field.id != FieldId::other) return false;
      std::string* items = nullptr;
      switch (field.name.size()) {
        case limit_field.size():
          if (!iequals(field.name, limit_field)) return false;
          items = &out.limits;
          break;
        case policy_field.size():
          if (!iequals(field.name, policy_field)) return false;
          items = &out.policies;
          break;
        case x_limit.size():
          return iequals(field.name, x_limit) || iequals(field.name, x_reset);
        case x_remaining.size():
          return iequals(field.name, x_remaining);
        default:
          return false;
      }
      if (!trim(field.value).empty()) {
        *items += ", ";
        *items += trim(field.value);
      }
      return true;
    });
    return out;
  }
  static_assert(x_limit.size() == x_reset.size());

  static void add(HeaderMap& headers, std::string_view name, std::string_view ours,
                  std::string_view theirs) {
    char* text = headers.arena().allocate(ours.size() + theirs.size());
    std::memcpy(text, ours.data(), ours.size());
    if (!theirs.empty()) std::memcpy(text + ours.size(), theirs.data(), theirs.size());
    headers.add_view(FieldId::other, name, {text, ours.size() + theirs.size()});
  }
  static void add_number(HeaderMap& headers, std::string_view name, std::uint64_t number) {
    Line line;
    line.add(number);
    headers.add_view(FieldId::other, name, headers.arena().copy(line.text()));
  }

  const std::vector<std::shared_ptr<RateLimit>> policies_;
  std::string policy_items_;  // of all
};

}  // namespace

std::shared_ptr<Middleware> rate_limit_headers(std::span<const std::shared_ptr<Middleware>> chain) {
  std::vector<std::shared_ptr<RateLimit>> policies;
  for (const auto& layer : chain) {
    auto policy = std::dynamic_pointer_cast<RateLimit>(layer);
    if (policy && std::ranges::find(policies, policy) == policies.end()) {
      policies.push_back(std::move(policy));
    }
  }
  if (policies.empty()) return nullptr;
  return std::make_shared<RateLimitHeaders>(std::move(policies));
}

}  // namespace weir
