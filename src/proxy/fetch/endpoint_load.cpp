#include "proxy/fetch/endpoint_load.hpp"

#include <string_view>

#include "weir/base/text.hpp"
#include "weir/control/reported_weight.hpp"
#include "weir/http/load_report.hpp"

namespace weir::proxy {
namespace {

using telemetry::LoadReportResult;

constexpr std::string_view load_field = "endpoint-load-metrics";
constexpr std::string_view binary_load_field = "endpoint-load-metrics-bin";  // older gRPC servers'

bool is_load_field(const HeaderMap::Field& field) noexcept {
  return field.id == FieldId::other && field.name.size() >= load_field.size() &&
         (iequals(field.name, load_field) || iequals(field.name, binary_load_field));
}

LoadReportResult take_report(std::string_view value, upstream::Endpoint& endpoint,
                             TimePoint now) noexcept {
  const auto report = parse_load_report(value);
  if (!report) {
    return report.error() == LoadReportFault::binary ? LoadReportResult::binary
                                                     : LoadReportResult::malformed;
  }
  const double utilization = report->application_utilization > 0 ? report->application_utilization
                                                                 : report->cpu_utilization;
  const double weight = control::weight_by_load(report->rps, utilization, report->eps);
  if (weight == 0) return LoadReportResult::incomplete;
  endpoint.load().report(weight, now);
  return LoadReportResult::used;
}

}  // namespace

void take_endpoint_load(HeaderMap& fields, upstream::Endpoint& endpoint,
                        telemetry::UpstreamShard& counts, TimePoint now) noexcept {
  std::string_view value;
  unsigned texts = 0;
  unsigned all = 0;
  for (const HeaderMap::Field& field : fields) {
    if (!is_load_field(field)) continue;
    ++all;
    if (field.name.size() != load_field.size()) continue;
    value = field.value;
    ++texts;
  }
  if (all == 0) return;
  const LoadReportResult result = texts == 1   ? take_report(value, endpoint, now)
                                  : texts == 0 ? LoadReportResult::binary
                                               : LoadReportResult::malformed;
  counts.load_reports[static_cast<std::size_t>(result)].add();
  drop_endpoint_load(fields);
}

void drop_endpoint_load(HeaderMap& fields) noexcept { fields.remove_if(is_load_field); }

}  // namespace weir::proxy
