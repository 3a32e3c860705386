// What a head costs: a browser's request of nine fields, parsed into a fresh head.
#include <benchmark/benchmark.h>

#include <string>

#include "codec/h1/chunked_decoder.hpp"
#include "codec/h1/head_parser.hpp"

namespace {

using namespace weir;
using namespace weir::codec::h1;

const std::string request =
    "GET /api/v1/orders/4711?expand=items&limit=20 HTTP/1.1\r\n"
    "Host: api.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: application/json, text/plain, */*\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Referer: https://app.example.com/orders\r\n"
    "Authorization: Bearer 0123456789abcdef0123456789abcdef0123456789abcdef\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=0123456789abcdef; theme=dark; consent=yes\r\n"
    "\r\n";

const std::string response =
    "HTTP/1.1 200 OK\r\n"
    "Server: origin\r\n"
    "Date: Sat, 01 Aug 2026 12:00:00 GMT\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 1024\r\n"
    "Cache-Control: no-store\r\n"
    "\r\n";

void request_head(benchmark::State& state) {
  for (auto _ : state) {
    RequestHead head;
    const Consumed consumed = RequestHeadParser(HeadLimits{}).parse(request, head);
    if (!consumed || *consumed != request.size()) state.SkipWithError("refused");
    benchmark::DoNotOptimize(head);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(request.size()));
}
BENCHMARK(request_head);

void request_head_in_two(benchmark::State& state) {
  for (auto _ : state) {
    RequestHead head;
    RequestHeadParser parser{HeadLimits{}};
    benchmark::DoNotOptimize(parser.parse(std::string_view(request).substr(0, 200), head));
    benchmark::DoNotOptimize(parser.parse(request, head));
  }
}
BENCHMARK(request_head_in_two);

void response_head(benchmark::State& state) {
  for (auto _ : state) {
    ResponseHead head;
    const Consumed consumed = ResponseHeadParser(HeadLimits{}, Method::get).parse(response, head);
    if (!consumed || *consumed != response.size()) state.SkipWithError("refused");
    benchmark::DoNotOptimize(head);
  }
}
BENCHMARK(response_head);

void field_ids(benchmark::State& state) {
  for (auto _ : state) {
    for (const std::string_view name :
         {"Host", "User-Agent", "Accept", "Accept-Language", "Accept-Encoding", "Referer",
          "Authorization", "Connection", "Cookie"}) {
      benchmark::DoNotOptimize(field_id(name));
    }
  }
}
BENCHMARK(field_ids);

void chunk(benchmark::State& state) {
  const std::string bytes = "400\r\n" + std::string(1024, 'x') + "\r\n0\r\n\r\n";
  for (auto _ : state) {
    ChunkedDecoder decoder;
    benchmark::DoNotOptimize(decoder.next(bytes));
  }
}
BENCHMARK(chunk);

}  // namespace
