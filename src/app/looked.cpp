#include "app/looked.hpp"

#include <cstdio>

#include "app/configuration.hpp"
#include "app/report.hpp"
#include "weir/server/snapshot.hpp"

namespace weir::app {

Looked look_at(const std::string& config) {
  Looked out;
  auto loaded = load_configuration(config, &out.texts);
  if (!loaded) {
    out.problems = std::move(loaded.error());
    return out;
  }
  out.compiled = std::make_unique<Compiled>(Compiled{std::move(*loaded), std::nullopt});
  auto table = server::compile_table(out.compiled->loaded.config);
  if (table) {
    out.compiled->table.emplace(std::move(*table));
  } else {
    out.add(std::move(table.error()));
  }
  return out;
}

std::unique_ptr<const Compiled> compile(const std::string& config) {
  Looked looked = look_at(config);
  print_problems(stderr, looked.problems, looked.texts);
  return std::move(looked.compiled);
}

}  // namespace weir::app
