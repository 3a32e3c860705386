// What is said where an exception ends the process, because nothing is left that could handle it: a
// worker's loop without memory for its next step.
#pragma once

namespace weir::app {

// From now on std::terminate() writes a line to stderr before it aborts.
void explain_terminate() noexcept;

}  // namespace weir::app
