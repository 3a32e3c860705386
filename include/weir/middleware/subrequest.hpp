// How middleware asks an upstream something before a request goes on: implemented above, where
// upstreams are spoken to. Shared by all workers; a call belongs to the exchange's worker.
#pragma once

#include <cstddef>
#include <string>

#include "weir/base/result.hpp"
#include "weir/base/task.hpp"
#include "weir/base/time.hpp"
#include "weir/http/exchange.hpp"
#include "weir/http/head.hpp"

namespace weir {

struct SubrequestAnswer {
  ResponseHead head;  // without hop-by-hop fields
  std::string body;
  bool cut = false;  // the content was longer than asked for; `body` is empty
};

class Subrequest {
 public:
  virtual ~Subrequest() = default;
  // Sends `head`, which has no content and gains the fields that every request to an upstream
  // gains, on behalf of `exchange`: it ends with it, its cancellation aside at `timeout`. The
  // answer is read up to `most_body` bytes of content. Errors: what an upstream's failure is
  // called, or what the exchange was cancelled for.
  virtual Task<Result<SubrequestAnswer>> send(RequestHead head, Exchange& exchange,
                                              Duration timeout, std::size_t most_body) = 0;
};

}  // namespace weir
