// What is wrong with a configuration, as a person reads it: a line each as Problem::to_string()
// makes it, and below it the line of the file with a caret under the place. Main thread.
#pragma once

#include <cstdio>
#include <span>

#include "weir/config/problem.hpp"

namespace weir::app {

// Warnings begin with "warning: ". Coloured where `out` is a terminal that wants it; the first 100
// have excerpts.
void print_problems(std::FILE* out, std::span<const config::Problem> problems,
                    const config::SourceTexts& texts);

}  // namespace weir::app
