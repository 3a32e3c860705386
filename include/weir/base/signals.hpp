// Who takes the process's signals: the main thread alone.
#pragma once

#include <signal.h>

namespace weir {

// To be called first in every other thread. A write to a pipe that nobody reads is an error there
// (EPIPE), not a signal.
inline void block_signals() noexcept {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace weir
