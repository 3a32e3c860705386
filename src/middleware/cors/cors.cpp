#include "middleware/cors/cors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/text.hpp"
#include "weir/config/model.hpp"
#include "weir/http/answer.hpp"

namespace weir {
namespace {

constexpr int preflight_status = 204;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

// What a preflight is told of a route's methods; GET includes HEAD.
std::string joined_methods(std::span<const std::string> of_route) {
  std::vector<std::string> methods(of_route.begin(), of_route.end());
  if (methods.empty()) methods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
  const auto get = std::ranges::find(methods, "GET");
  if (get != methods.end() && std::ranges::find(methods, "HEAD") == methods.end()) {
    methods.insert(get + 1, "HEAD");
  }
  return joined(methods);
}

void append_vary(HeaderMap& headers, std::string_view wanted) {
  bool there = false;
  for (const HeaderMap::Field& field : headers) {
    if (field.id != FieldId::vary) continue;
    for_each_element(field.value, [&](std::string_view name) {
      there = there || name == "*" || iequals(name, wanted);
      return !there;
    });
  }
  if (!there) headers.add(FieldId::vary, "vary", wanted);
}

bool names_any_origin(const config::Cors& spec) {
  return std::ranges::find(spec.origins, "*") != spec.origins.end();
}

bool is_cors_preflight(const RequestHead& head) noexcept {
  return head.method == Method::options && head.headers.contains(FieldId::origin) &&
         head.headers.contains(FieldId::access_control_request_method);
}

// The value of Access-Control-Allow-Origin, "" if the request's origin may not read the answer.
std::string_view allowed_origin(const std::vector<std::string>& origins, bool any,
                                const HeaderMap& headers) noexcept {
  if (headers.count(FieldId::origin) != 1) return {};
  if (any) return "*";
  const std::string_view origin = *headers.get(FieldId::origin);
  const bool listed = std::ranges::any_of(
      origins, [&](const std::string& known) { return iequals(known, origin); });
  return listed ? origin : std::string_view();
}

// Cross-origin requests of browsers (Fetch standard, section 3.2). This layer alone speaks for the
// route: Access-Control-* fields of the upstream are replaced. A request of an origin that is not
// allowed passes without them, as the browser then keeps the answer from the script; its preflight
// is answered 204 without them.
class Cors final : public Middleware {
 public:
  explicit Cors(const config::Cors& spec)
      : origins_(spec.origins),
        any_origin_(names_any_origin(spec)),
        methods_(spec.methods.empty() ? std::string() : joined(spec.methods)),
        headers_(joined(spec.headers)),
        expose_(joined(spec.expose)),
        credentials_(spec.credentials),
        max_age_(std::to_string(
            std::chrono::duration_cast<std::chrono::seconds>(spec.max_age).count())) {}

  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    const HeaderMap& headers = request.head.headers;
    if (is_cors_preflight(request.head)) co_return preflight(headers, exchange);
    // Looked at before the layers within may change the request.
    const std::string allowed(allowed_origin(origins_, any_origin_, headers));
    Response response = co_await next(request, exchange);
    speak(response.head.headers, allowed);
    co_return response;
  }

  // To an answer of the layers within. `allowed`: the origin that may read it, "" for none.
  void speak(HeaderMap& answer, std::string_view allowed) const {
    constexpr std::string_view ours = "access-control-";
    answer.remove_if([&](const HeaderMap::Field& field) { return istarts_with(field.name, ours); });
    if (!any_origin_) append_vary(answer, "Origin");
    if (allowed.empty()) return;
    allow(answer, allowed);
    if (!expose_.empty()) answer.add("access-control-expose-headers", expose_);
  }

  // In place of the layers within.
  void answer_preflight(HeaderMap& answer, const HeaderMap& headers,
                        const Exchange& exchange) const {
    answer.add(FieldId::vary, "vary",
               "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
    const std::string_view origin = allowed_origin(origins_, any_origin_, headers);
    if (origin.empty()) return;
    allow(answer, origin);
    const RouteFacts* const route = exchange.context.route;
    const auto route_methods = route != nullptr ? route->methods : std::span<const std::string>();
    answer.add("access-control-allow-methods",
               methods_.empty() ? joined_methods(route_methods) : methods_);
    if (!headers_.empty()) answer.add("access-control-allow-headers", headers_);
    answer.add("access-control-max-age", max_age_);
  }

 private:
  void allow(HeaderMap& answer, std::string_view origin) const {
    answer.add("access-control-allow-origin", origin);
    if (credentials_) answer.add("access-control-allow-credentials", "true");
  }

  Response preflight(const HeaderMap& headers, const Exchange& exchange) const {
    Response response = simple_answer(preflight_status, {}, {});
    response.head.framing = Framing::none;
    response.body = NoBody{};
    answer_preflight(response.head.headers, headers, exchange);
    return response;
  }

  const std::vector<std::string> origins_;
  const bool any_origin_;
  const std::string methods_;  // "": the route's
  const std::string headers_;
  const std::string expose_;
  const bool credentials_;
  const std::string max_age_;  // seconds
};

}  // namespace

std::shared_ptr<Middleware> make_cors(const config::Cors& spec, const Making&) {
  return std::make_shared<Cors>(spec);
}

Explained explain_cors(const config::Cors& spec, Explaining& asked) {
  const RequestHead& head = asked.request.head;
  const std::string allowed(allowed_origin(spec.origins, names_any_origin(spec), head.headers));
  const auto origin = head.headers.get(FieldId::origin);
  const bool answered = is_cors_preflight(head);
  std::function<void(HeaderMap&)> on_answer = [cors = Cors(spec), allowed](HeaderMap& answer) {
    cors.speak(answer, allowed);
  };
  if (!origin) {
    return {.text = "cors: no Origin, so nothing to do", .on_answer = std::move(on_answer)};
  }
  if (answered) {
    on_answer = [cors = Cors(spec), &head, &exchange = asked.exchange](HeaderMap& answer) {
      cors.answer_preflight(answer, head.headers, exchange);
    };
  }
  return {
      .text = fmt::format("cors: {}origin {} is {}", answered ? "preflight, answered here; " : "",
                          *origin, allowed.empty() ? "not allowed" : "allowed"),
      .status = answered ? preflight_status : 0,
      .on_answer = std::move(on_answer)};
}

}  // namespace weir
