// A route's last handler when it needs no upstream: redirects and fixed answers. Const after
// construction, shared by all workers.
#pragma once

#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "weir/config/model.hpp"
#include "weir/http/handler.hpp"
#include "weir/http/template_text.hpp"

namespace weir::proxy {

// Where a redirect points for this request; fails with why it points nowhere.
std::expected<std::string, std::string_view> redirect_location(const TemplateText& to,
                                                               const Request& request,
                                                               const Exchange& exchange);

// The answer of a redirect to there, and that of a `respond`: what the handlers below answer.
Response redirect_answer(int status, std::string_view location);
Response fixed_answer(const config::Respond& respond, std::span<const std::string> path_params,
                      const Request& request, const Exchange& exchange);

// The templates were checked by the loader; `path_params` are the names of the route's path.
std::unique_ptr<Handler> make_redirect(const config::Redirect& redirect,
                                       std::span<const std::string> path_params);
std::unique_ptr<Handler> make_respond(const config::Respond& respond,
                                      std::span<const std::string> path_params);

}  // namespace weir::proxy
