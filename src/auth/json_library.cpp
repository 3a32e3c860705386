// Boost.JSON is header-only here: its one translation unit.
#include <boost/json/src.hpp>
