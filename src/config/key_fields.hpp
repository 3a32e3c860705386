// KEY as a value of the file, and what is wrong with one in its place.
#pragma once

#include <span>
#include <string>

#include "config/fields.hpp"
#include "weir/config/key.hpp"

namespace weir::config {

// client_ip, host, global, {header: NAME}, {cookie: NAME}, {jwt_claim: NAME}, {path_param: NAME},
// or a list of these.
Value key(Key& target);

// What is wrong with `key` on a route whose path has these parameters, "" for nothing. `after_jwt`:
// a jwt middleware has run when the key is asked for.
std::string key_fault(const Key& key, std::span<const std::string> path_params, bool after_jwt);

}  // namespace weir::config
