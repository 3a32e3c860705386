// A file of endpoints, whatever it is: reading it ends, and gives a bounded list of addresses that
// a configuration could have, or problems with places.
#include <string>
#include <string_view>

#include "incremental.hpp"
#include "weir/config/endpoints_file.hpp"

using namespace weir;
using namespace weir::config;
using weir::fuzz::require;
using weir::fuzz::require_one_line;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto listed = parse_endpoints(text, "targets.yaml", "/nonexistent");
  if (!listed) {
    require(!listed.error().empty() && listed.error().size() <= 101, "a refusal says why");
    for (const Problem& problem : listed.error()) {
      require_one_line(problem.to_string());
      require(problem.place.file == "targets.yaml", "in that file");
    }
    return 0;
  }
  require(listed->size() <= most_listed_endpoints, "what is taken is bounded");
  std::size_t names = 0;
  bool weighs = listed->empty();
  for (const EndpointSpec& each : *listed) {
    require(!each.address.empty() && each.weight <= 1000 && each.priority <= 1000, "each is one");
    require(is_name_of(each) || SocketAddress::parse(each.address).has_value(),
            "a name or an address");
    names += is_name_of(each) ? 1 : 0;
    weighs = weighs || each.weight != 0;
  }
  require(names <= most_listed_names, "names are fewer");
  require(weighs, "somebody gets the requests");
  return 0;
}
