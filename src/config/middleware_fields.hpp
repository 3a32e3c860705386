// The tables of each type of middleware, and what one key alone cannot know: a new type adds its
// two overloads here and defines them in a file of its kind.
#pragma once

#include <string_view>
#include <vector>

#include "config/blocks.hpp"
#include "weir/config/middleware.hpp"

namespace weir::config {

// The bound struct must outlive the table. Texts with variables go to `templates`.
Fields fields(Cors& cors, std::vector<Written>& templates);
Fields fields(IpFilter& filter, std::vector<Written>& templates);
Fields fields(BodyLimit& limit, std::vector<Written>& templates);
Fields fields(Headers& headers, std::vector<Written>& templates);
Fields fields(BasicAuth& auth, std::vector<Written>& templates);
Fields fields(RateLimit& limit, std::vector<Written>& templates);
Fields fields(ConcurrencyLimit& limit, std::vector<Written>& templates);
Fields fields(ApiKey& auth, std::vector<Written>& templates);
Fields fields(ForwardAuth& auth, std::vector<Written>& templates);
Fields fields(Jwt& jwt, std::vector<Written>& templates);
Fields fields(LoadShed& shed, std::vector<Written>& templates);

// What is wrong with the whole, "" for nothing. Asked when each key is right by itself.
std::string_view fault(const Cors& cors);
std::string_view fault(const IpFilter& filter);
std::string_view fault(const BodyLimit& limit);
std::string_view fault(const Headers& headers);
std::string_view fault(const BasicAuth& auth);
std::string_view fault(const RateLimit& limit);
std::string_view fault(const ConcurrencyLimit& limit);
std::string_view fault(const ApiKey& auth);
std::string_view fault(const ForwardAuth& auth);
std::string_view fault(const Jwt& jwt);
std::string_view fault(const LoadShed& shed);

}  // namespace weir::config
