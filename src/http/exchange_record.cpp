#include "weir/http/exchange_record.hpp"

#include <new>

namespace weir {

void ExchangeRecord::tell_try(const TryRecord& fact) noexcept {
  if (tries_.size() == most_tries_told) tries_.pop_back();
  try {
    tries_.push_back(fact);
  } catch (const std::bad_alloc&) {
    // The rest of the exchange's facts are told all the same.
  }
}

}  // namespace weir
