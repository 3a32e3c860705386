// A route's `rewrite`: the path and the host that its upstream is asked for. Const after
// construction; any thread.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "weir/config/model.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/http/template_text.hpp"

namespace weir::proxy {

class Rewriting {
 public:
  // `path_params` are the names of the route's parameters. REQUIRES: the loader has read `rewrite`.
  Rewriting(const config::Rewrite& rewrite, std::span<const std::string> path_params);

  // Puts both into the request's head, in its arena. Returns what is wrong with the path that came
  // out, "" for nothing.
  std::string_view apply(Request& request, const Exchange& exchange) const;

 private:
  std::optional<TemplateText> path_;
  std::optional<TemplateText> prefix_;
  std::optional<TemplateText> host_;
};

}  // namespace weir::proxy
