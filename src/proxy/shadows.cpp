#include "weir/proxy/shadows.hpp"

#include <optional>
#include <utility>

#include "proxy/side_request.hpp"
#include "weir/net/turn_taking.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::proxy {
namespace {

// A content that is here already.
class WholeBody final : public BodyStream {
 public:
  explicit WholeBody(std::string_view text) noexcept : rest_(text) {}

  Task<Result<Bytes>> read() override { co_return take(); }
  Bytes read_ready() noexcept override { return take(); }
  bool complete() const noexcept override { return rest_.empty(); }
  const HeaderMap& trailers() const noexcept override { return trailers_; }
  std::optional<std::uint64_t> length() const noexcept override { return rest_.size(); }
  void abort(Reason) noexcept override { rest_ = {}; }

 private:
  Bytes take() noexcept { return as_bytes(std::exchange(rest_, {})); }

  std::string_view rest_;
  HeaderMap trailers_;
};

RequestHead copy_of(const RequestHead& head) {
  RequestHead out;
  Arena& arena = out.headers.arena();
  out.method = head.method;
  out.version = head.version;
  out.scheme = head.scheme;
  out.method_text = arena.copy(head.method_text);
  out.authority = arena.copy(head.authority);
  out.host = arena.copy(head.host);
  out.path = arena.copy(head.path);
  out.query = arena.copy(head.query);
  out.has_query = head.has_query;
  out.te_trailers = head.te_trailers;
  for (const HeaderMap::Field& field : head.headers) {
    if (field.id == FieldId::expect) continue;
    out.headers.add(field.id, field.name, field.value);
  }
  return out;
}

}  // namespace

RequestCopy::RequestCopy(const SideTarget& to, const RequestHead& head, const Exchange& of,
                         Duration wait)
    : target(to),
      request{.head = copy_of(head)},
      timeout(wait),
      client(of.context.client_ip),
      worker(of.context.connection.worker) {}

Shadows::Place::~Place() {
  if (shadows_ == nullptr) return;
  if (counts_ != nullptr) counts_->dropped.add();
  if (--taken_->second == 0) shadows_->taken_.erase(taken_);
}

std::optional<Shadows::Place> Shadows::take_place(const std::string& upstream,
                                                  telemetry::MirrorShard& counts) {
  if (!scope_.cancelled()) {
    const auto taken = taken_.try_emplace(upstream, 0).first;
    if (taken->second < most_copies) return Place(*this, taken, counts);
  }
  counts.dropped.add();
  return std::nullopt;
}

void Shadows::send(std::unique_ptr<RequestCopy> copy, Place place) {
  if (scope_.cancelled()) return;
  std::exchange(place.counts_, nullptr)->sent.add();
  group_.spawn(run(std::move(copy), std::move(place)));
}

Task<> Shadows::run(std::unique_ptr<RequestCopy> copy, [[maybe_unused]] Place place) {
  ++sent_;
  // The client's request goes on first.
  net::TurnTaking turns(loop_);
  co_await turns.yield();
  WholeBody body(copy->content);
  if (copy->has_content) {
    copy->request.head.framing = Framing::length;
    copy->request.head.content_length = copy->content.size();
    copy->request.body = &body;
  }
  SideCall side{.loop = loop_,
                .worker = copy->worker,
                .client = copy->client,
                .clock = {},
                .scope = CancelScope(&scope_)};
  side.clock.hard_deadline = loop_.now() + longest;
  const auto answer =
      co_await send_aside(copy->target, copy->request, side, copy->timeout, most_answer);
  if (!answer && telemetry::log::enabled(telemetry::log::Level::debug)) {
    telemetry::log::debug("mirrored request failed", {{"upstream", copy->target.cluster->name()},
                                                      {"reason", name(answer.error().reason)}});
  }
  --sent_;
  ended();
}

void Shadows::end(std::function<void()> done) {
  done_ = std::move(done);
  scope_.cancel(Reason::draining);
  ended();
}

void Shadows::ended() {
  if (!done_ || sent_ != 0) return;
  // Who calls this is still in the group; its end is a turn away.
  loop_.mailbox().post([done = std::exchange(done_, nullptr)] { done(); });
}

}  // namespace weir::proxy
