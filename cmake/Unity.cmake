# Bundles of sources: most of what a file costs here is its headers, which a bundle reads once, so that a whole
# build takes less than half of the CPU time. CI compiles file by file (WEIR_UNITY=OFF), where each file has to
# include what it uses; so may those who edit (.github/CONTRIBUTING.md).
#
# In a bundle the names of unnamed namespaces meet: where two are the same, rename one, or make both one.
# check_layering.py reports functions, types and constants of a room, or of the unit tests, that do; for others the
# compiler does.
function(weir_unity target)
  if(NOT WEIR_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 12)
  # How much larger inlining may make a unit, in percent. By default g++ allows 40, and more to small units: in a
  # bundle it would inline less than in single files, which costs a request 7 % more instructions.
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:--param=inline-unit-growth=100>)
endfunction()
