#include <cstdio>
#include <cstring>

#include "app/run.hpp"

int main(int argc, char** argv) {
  const char* file = "/etc/weir/weir.yaml";
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::strcmp(argv[i], "-c") == 0) file = argv[i + 1];
  }
  return weir::app::serve([file] { return weir::config::load(file); });
}
