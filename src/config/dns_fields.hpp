// What an upstream says of names: endpoints by name, and how they are looked up.
#pragma once

#include "config/fields.hpp"
#include "weir/config/model.hpp"

namespace weir::config {

// Each sets `address`, and `kind` with it.
Value dns_name_value(EndpointSpec& endpoint);
Value srv_name_value(EndpointSpec& endpoint);
// Printed for names alone.
Value name_family_value(EndpointSpec& endpoint);
Value dns_value(Dns& dns);

}  // namespace weir::config
