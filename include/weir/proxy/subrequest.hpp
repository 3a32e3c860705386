// How middleware asks an upstream (middleware/subrequest.hpp), over that upstream's own pool,
// permits and metrics.
#pragma once

#include <memory>
#include <string_view>

#include "weir/config/deadlines.hpp"
#include "weir/middleware/subrequest.hpp"
#include "weir/proxy/side_target.hpp"

namespace weir::proxy {

// `via_name` is "" when no Via is added. Where the client's request tells a deadline, the upstream
// is told what is left of the question's own. Both references outlive the result.
std::shared_ptr<Subrequest> make_subrequest(SideTarget target, std::string_view via_name,
                                            const config::Deadlines& deadlines);

}  // namespace weir::proxy
