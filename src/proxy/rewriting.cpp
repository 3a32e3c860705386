#include "weir/proxy/rewriting.hpp"

#include "weir/http/url_path.hpp"
#include "weir/http/variables.hpp"

namespace weir::proxy {

Rewriting::Rewriting(const config::Rewrite& rewrite, std::span<const std::string> path_params) {
  const auto parsed = [&](const std::string& text) {
    return TemplateText::parse(text, path_params).value();
  };
  if (!rewrite.path.empty()) path_ = parsed(rewrite.path);
  if (rewrite.has_prefix) prefix_ = parsed(rewrite.prefix);
  if (!rewrite.host.empty()) host_ = parsed(rewrite.host);
}

std::string_view Rewriting::apply(Request& request, const Exchange& exchange) const {
  RequestHead& head = request.head;
  Arena& arena = head.headers.arena();
  if (path_ || prefix_) {
    std::string path = Variables(request, exchange).expand(path_ ? *path_ : *prefix_);
    if (prefix_) {
      while (path.ends_with('/')) path.pop_back();
      path += exchange.context.rest;
      if (path.empty()) path += '/';
    }
    // A variable may have brought in what a path must not have.
    const auto normal = normalise_path(path, true, arena);
    if (!normal) return "the rewritten path is not a path";
    head.path = arena.copy(normal->path);
  }
  if (host_) head.authority = arena.copy(Variables(request, exchange).expand(*host_));
  return {};
}

}  // namespace weir::proxy
