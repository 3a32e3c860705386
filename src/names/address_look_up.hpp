// The questions for one name's addresses: both families beside each other, one name of the search
// list after the other. And those for SRV records. Each ends by itself in a bounded time. Main
// thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "names/dns_client.hpp"
#include "weir/base/asio.hpp"
#include "weir/names/resolver.hpp"

namespace weir::names {

// What one question came to.
struct Outcome {
  control::LookUpEnd end = control::LookUpEnd::timed_out;
  std::string error;
  DnsAnswer answer;  // where it is found, or a negative one

  static Outcome of(DnsReply reply, const std::string& name);
};

// Asks one name of the search list after the other.
class SearchLookUp : public std::enable_shared_from_this<SearchLookUp> {
 public:
  struct Result {
    control::LookUpEnd end = control::LookUpEnd::timed_out;
    std::string error;
    std::string name;               // that had the answer, or "" for none
    std::vector<Outcome> outcomes;  // of the types at that name, where something was found
    std::optional<Duration> negative_ttl;
  };
  using Done = std::move_only_function<void(Result)>;

  // `names` are not empty; `last_name` as in Question.
  SearchLookUp(asio::io_context& main, std::shared_ptr<DnsClient> client,
               std::vector<std::string> names, std::string last_name, std::vector<RecordType> types,
               const ResolverLimits& limits, Done done);
  // It holds itself until it has ended.
  void begin();
  // Ends without telling anybody, and the client with it.
  void cancel();

 private:
  void ask();
  void replied(std::size_t round, std::size_t type, DnsReply reply);
  void decide();
  void end(control::LookUpEnd end, std::string error);

  asio::steady_timer limit_;
  asio::steady_timer other_family_;
  std::shared_ptr<DnsClient> client_;
  const std::vector<std::string> names_;
  const std::string last_name_;
  const std::vector<RecordType> types_;
  const ResolverLimits limits_;
  Done done_;
  std::size_t at_ = 0;  // which of names_
  std::vector<Outcome> outcomes_;
  std::size_t waits_for_ = 0;
  std::string failure_;  // of a name before
  bool failed_ = false;
  bool exists_ = false;
  std::optional<Duration> negative_ttl_;
};

}  // namespace weir::names
