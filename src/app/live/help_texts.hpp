// What stands below the options in the help of each command that asks a running gateway.
// tests/integration/test_help.py holds it against the program.
#pragma once

namespace weir::app::help {

#define WEIR_HELP_ADDRESS                                                                      \
  "ADDRESS is IP:PORT, NAME:PORT or unix:PATH. Without --admin it is admin.bind of the\n"      \
  "configuration, asked at loopback where that is 0.0.0.0 or [::]; and 127.0.0.1:9901 where\n" \
  "there is no /etc/weir/weir.yaml that can be read.\n"

// With --admin alone no configuration is read, so that its token goes to nobody else.
#define WEIR_HELP_TOKEN                                                                           \
  "A token is needed where the admin address is not loopback. With --admin the token_file of a\n" \
  "configuration is used only if -c names that.\n"

#define WEIR_HELP_EXIT                                                                        \
  "Exit: 0 done, 1 it refused or could not be asked (one line on stderr says why), 2 wrong\n" \
  "usage"

inline constexpr const char* health = WEIR_HELP_ADDRESS
    "\n"
    "Asks /readyz and waits at most 2 s; for health checks of containers, which need no shell.\n"
    "Exit: 0 ready, 1 not (stderr says why), 2 wrong usage.\n"
    "Example: weir health --admin 127.0.0.1:9901";

inline constexpr const char* status = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "Rates are those of the last ten seconds. --json has the same as one document: GET /status in\n"
    "docs/operations.md.\n" WEIR_HELP_EXIT
    ".\n"
    "Example: weir status";

inline constexpr const char* upstreams = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "FULL is the pool and the queue against their limits, WAITING the requests in that queue, "
    "IDLE\n"
    "the connections that are kept. --json prints what GET /upstreams answers, with NAME that\n"
    "upstream alone.\n" WEIR_HELP_EXIT
    ", 3 no such upstream.\n"
    "Example: weir upstreams orders-v1";

inline constexpr const char* tail = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "Prints time (UTC), status, duration, method, host and path, reason, route, upstream and\n"
    "endpoint of every request, whatever access_log.path and sample say. Options that choose\n"
    "requests must all hold; one that is given again adds an alternative (--slow: the last "
    "counts).\n"
    "--json prints the access log's own lines. When the gateway ends, so does it, with "
    "1.\n" WEIR_HELP_EXIT
    ".\n"
    "Example: weir tail --status 5xx --route shop";

inline constexpr const char* reload = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "All or nothing. What is wrong is printed as weir check does, and nothing has changed "
    "then.\n" WEIR_HELP_EXIT
    ".\n"
    "Example: weir reload";

inline constexpr const char* drain = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "/readyz answers 503, so that balancers send no new clients, and answers close their\n"
    "connections. It goes on serving, and does not end.\n" WEIR_HELP_EXIT
    ".\n"
    "Example: weir drain";

inline constexpr const char* undrain = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN "\n" WEIR_HELP_EXIT
                                                                         ".\n"
                                                                         "Example: weir undrain";

inline constexpr const char* split = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "The weights hold at once, until the split changes in the file, or --reset.\n" WEIR_HELP_EXIT
    ", 3 no such route.\n"
    "Example: weir split shop v1=50 v2=50";

inline constexpr const char* endpoint = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "drain and down: it gets no new requests, those in flight are finished. It holds until\n"
    "--reset, or until the endpoint leaves the file.\n" WEIR_HELP_EXIT
    ", 3 no such upstream or endpoint.\n"
    "Example: weir endpoint orders-v1 10.0.0.1:8080 drain";

inline constexpr const char* breaker = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "Open, every request to the upstream is answered 503 circuit_open; closed, all are "
    "sent.\n" WEIR_HELP_EXIT
    ", 3 no such upstream.\n"
    "Example: weir breaker orders-v2 open";

inline constexpr const char* log_level = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "Of the diagnostics on stderr. TIME is a number and ms, s, m or h. With --for a reload brings\n"
    "the file's level back at once; without, one that changes the file's level "
    "does.\n" WEIR_HELP_EXIT
    ".\n"
    "Example: weir log-level debug --for 30s";

#undef WEIR_HELP_EXIT
#undef WEIR_HELP_TOKEN
#undef WEIR_HELP_ADDRESS

}  // namespace weir::app::help
