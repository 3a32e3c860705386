#include "weir/middleware/chain.hpp"

#include "middleware/fixture.hpp"

namespace weir::test {
namespace {

class Noted final : public Middleware {
 public:
  Noted(std::string name, std::string& log) : name_(std::move(name)), log_(log) {}
  Task<Response> handle(Request& request, Exchange& exchange, Next next) override {
    log_ += name_ + " in, ";
    Response response = co_await next(request, exchange);
    log_ += name_ + " out, ";
    co_return response;
  }

 private:
  std::string name_;
  std::string& log_;
};

class Refusing final : public Middleware {
 public:
  Task<Response> handle(Request&, Exchange& exchange, Next) override {
    co_return problem(Reason::ip_denied, "", exchange.context.request_id());
  }
};

using ChainTest = MiddlewareTest;

TEST_F(ChainTest, AnEmptyOneIsTheHandler) {
  EXPECT_EQ(send(Chain(), {}).head.status, 200);
  EXPECT_EQ(origin.calls, 1u);
}

TEST_F(ChainTest, LayersSeeTheRequestInwardAndTheAnswerOutward) {
  std::string log;
  const Chain chain({std::make_shared<Noted>("a", log), std::make_shared<Noted>("b", log)});
  EXPECT_EQ(send(chain, {}).head.status, 200);
  EXPECT_EQ(log, "a in, b in, b out, a out, ");
}

TEST_F(ChainTest, ALayerMayAnswerInsteadOfThoseWithin) {
  std::string log;
  const Chain chain({std::make_shared<Noted>("a", log), std::make_shared<Refusing>(),
                     std::make_shared<Noted>("b", log)});
  EXPECT_EQ(send(chain, {}).head.status, 403);
  EXPECT_EQ(log, "a in, a out, ");
  EXPECT_EQ(origin.calls, 0u);
}

}  // namespace
}  // namespace weir::test
