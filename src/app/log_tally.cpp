#include "app/log_tally.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "weir/base/ip.hpp"
#include "weir/base/text.hpp"

namespace weir::app {
namespace {

using server::LoggedFacts;
using server::Replayed;

// Far longer than a line of the access log can be.
constexpr std::size_t longest_logged_line = std::size_t{1} << 20;
constexpr std::size_t most_remembered = 100'000;
constexpr std::size_t most_groups = 10'000;

LoggedFacts logged_facts_of(const LoggedRequest& request) {
  LoggedFacts out;
  out.listener = request.listener;
  out.client_ip = request.client_ip;
  if (const auto peer = SocketAddress::parse(request.peer); peer && !peer->is_unix()) {
    out.peer = peer->ip().to_string();
  }
  out.method = request.method;
  out.host = request.host;
  out.path = request.path;
  out.query = request.query;
  out.user_agent = request.user_agent;
  out.referer = request.referer;
  out.route = request.route;
  out.reason = reason_from_name(request.reason).value_or(Reason::none);
  out.bytes_in = request.bytes_in;
  return out;
}

std::string fact_key_of(const LoggedFacts& facts) {
  std::string out;
  for (const std::string* text :
       {&facts.listener, &facts.client_ip, &facts.peer, &facts.method, &facts.host, &facts.path,
        &facts.query, &facts.user_agent, &facts.referer, &facts.route}) {
    out += *text;
    out += '\0';
  }
  out += std::to_string(facts.bytes_in) + ' ' + std::string(name(facts.reason));
  return out;
}

std::string example_of(const LoggedRequest& request) {
  std::string out = request.method + " " + request.host + request.path;
  if (!request.query.empty()) out += "?" + request.query;
  return out;
}

}  // namespace

void LogTally::read(std::istream& log) {
  std::string line;
  bool is_too_long = false;
  std::array<char, 65536> block;
  while (log.read(block.data(), block.size()) || log.gcount() > 0) {
    std::string_view rest(block.data(), static_cast<std::size_t>(log.gcount()));
    for (std::size_t end = 0; (end = rest.find('\n')) != std::string_view::npos;) {
      line += rest.substr(0, end);
      rest.remove_prefix(end + 1);
      if (is_too_long) line.clear();
      take(line);
      line.clear();
      is_too_long = false;
    }
    line += rest;
    if (line.size() > longest_logged_line) {
      is_too_long = true;
      line.clear();
    }
  }
  if (is_too_long || !line.empty()) take(is_too_long ? std::string_view() : line);
}

void LogTally::take(std::string_view line) {
  const LoggedLine read = parse_logged_line(line);
  if (!read.request || read.request->method.empty() || read.request->method == "-" ||
      !read.request->path.starts_with('/')) {
    ++others_;
    return;
  }
  ++requests_;
  const Replayed& what = replayed(logged_facts_of(*read.request));
  if (what.disagrees) ++disagreeing_;
  switch (what.verdict) {
    case Replayed::Verdict::same:
      break;
    case Replayed::Verdict::different:
      ++different_;
      add(differences_, what, *read.request);
      break;
    case Replayed::Verdict::cannot_tell:
      ++unknown_;
      add(unknowns_, what, *read.request);
      break;
  }
}

const Replayed& LogTally::replayed(const LoggedFacts& facts) {
  if (known_.size() >= most_remembered) known_.clear();
  std::string key = fact_key_of(facts);
  if (const auto found = known_.find(key); found != known_.end()) return found->second;
  return known_.emplace(std::move(key), replay_.of(facts)).first->second;
}

void LogTally::add(Groups& groups, const Replayed& what, const LoggedRequest& request) const {
  Group group{what.what, what.before, what.after};
  // Rewritten paths and redirects may be as many as there are requests.
  if (groups.size() >= most_groups && !groups.contains(group)) group = {what.what, "", "others"};
  Count& count = groups[group];
  ++count.requests;
  if (count.examples.size() >= most_) return;
  std::string example = example_of(request);
  if (std::ranges::find(count.examples, example) == count.examples.end()) {
    count.examples.push_back(std::move(example));
  }
}

}  // namespace weir::app
