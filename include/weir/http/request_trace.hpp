// What is written down of a request that is traced, beside its record: its ids, and the spans below
// its own. Made only for a request whose spans may be exported. Owned by the exchange; worker
// thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "weir/base/arena.hpp"
#include "weir/base/block_cache.hpp"
#include "weir/base/grpc_status.hpp"
#include "weir/base/reason.hpp"
#include "weir/base/time.hpp"
#include "weir/http/trace_context.hpp"
#include "weir/http/try_record.hpp"

namespace weir {

// A span below the request's own. Texts live as long as the exchange.
struct InnerSpan {
  enum class Kind : std::uint8_t {
    attempt,   // a try at an endpoint
    question,  // what a middleware asked an upstream
    queue,     // the request waited for a permit or a place on a connection
  };
  Kind kind = Kind::attempt;
  SpanId id = 0;
  TimePoint began{};
  TimePoint ended{};            // the epoch: it has not ended
  std::string_view upstream{};  // its name
  std::string_view endpoint{};  // address; "": none was found
  std::string_view method{};
  std::string_view path{};    // as the upstream saw it
  std::string_view result{};  // a literal: the label of weir_upstream_requests_total
  Reason reason = Reason::none;
  int status = 0;
  GrpcStatus grpc_status = no_grpc_status;
  bool h2 = false;
  bool reused = false;
  bool is_grpc = false;
  unsigned resend = 0;  // how many tries were before it
  unsigned hedge = 0;   // its number among those that joined another try; 0: it is none
};

class RequestTrace final : public Cached {
 public:
  // Of one request; what is beyond is left out.
  static constexpr std::size_t most_spans = 64;

  // `parent`: the span of who sent the request, 0: none.
  RequestTrace(TraceId trace, SpanId parent, bool sampled, B3Form form) noexcept
      : trace_(trace),
        parent_(parent),
        span_(new_span_id()),
        sampled_(sampled),
        form_(form),
        texts_(trace, span_, sampled) {}

  TraceId trace() const noexcept { return trace_; }
  SpanId parent() const noexcept { return parent_; }
  SpanId span() const noexcept { return span_; }      // the request's own
  bool sampled() const noexcept { return sampled_; }  // the upstream was told so
  B3Form form() const noexcept { return form_; }
  const TraceTexts& texts() const noexcept { return texts_; }  // of the try that began last
  std::span<const InnerSpan> spans() const noexcept { return spans_; }
  TimePoint refused_at() const noexcept { return refused_at_; }  // the epoch: it was not

  std::string_view state{};  // the tracestate that came
  std::string_view route{};  // the path of the route as written; "" for none
  // Whether its gRPC calls count: the request is one.
  bool is_grpc = false;

  // A try begins: the fields of the request show its id from now on. `connected`: how long that
  // took, and `queued`: how long was waited before it. `hedge` as of InnerSpan.
  struct Begin {
    TimePoint now;
    std::string_view upstream;
    std::string_view endpoint;
    std::string_view method;
    std::string_view path;
    Duration queued{};
    Duration connected{};
    unsigned hedge = 0;
  };
  void try_begins(const Begin& begin) noexcept;
  // The one whose text of the endpoint this is, each try having its own, has ended.
  void try_ended(const TryRecord& record, TimePoint now) noexcept;
  // So long was waited, and no try came of it.
  void waited(Duration queued, TimePoint now) noexcept;
  // A middleware asks an upstream; gives the fields of the question. The index is for
  // question_ended().
  std::size_t question_begins(TimePoint now, std::string_view upstream, std::string_view path,
                              HeaderMap& fields);
  void question_ended(std::size_t index, TimePoint now, std::string_view endpoint, int status,
                      Reason reason) noexcept;
  // The chain refused the request.
  void refused(TimePoint now) noexcept { refused_at_ = now; }

  // A tunnel has begun: copies what it refers to, to where it lives as long as that.
  void own_texts(Arena& texts);

 private:
  InnerSpan* add(InnerSpan::Kind kind, TimePoint began) noexcept;

  const TraceId trace_;
  const SpanId parent_;
  const SpanId span_;
  const bool sampled_;
  const B3Form form_;
  TraceTexts texts_;
  unsigned tries_ = 0;
  TimePoint refused_at_{};
  Arena kept_;  // texts of questions, which end before the exchange
  std::vector<InnerSpan, CachedAllocator<InnerSpan>> spans_;
};

}  // namespace weir
