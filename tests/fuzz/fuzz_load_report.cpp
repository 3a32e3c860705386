// What an upstream says of its load (endpoint-load-metrics), and the weight that it makes.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "weir/control/reported_weight.hpp"
#include "weir/http/load_report.hpp"

namespace {

using namespace weir;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_number(double value) { require(std::isfinite(value) && value >= 0); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view field(reinterpret_cast<const char*>(data), size);
  const auto report = parse_load_report(field);
  if (!report) {
    require((report.error() == LoadReportFault::binary) == field.starts_with("BIN "));
    return 0;
  }
  require(size <= longest_load_report);
  for (const double each :
       {report->application_utilization, report->cpu_utilization, report->rps, report->eps}) {
    check_number(each);
  }
  check_number(control::weight_by_load(report->rps, report->cpu_utilization, report->eps));
  // What is added at the end is no longer the same, or no report.
  require(!parse_load_report(std::string(field) + "\"{"));
  return 0;
}
