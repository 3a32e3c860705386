# Flags that every target of ours shares.
add_library(weir_options INTERFACE)
target_compile_options(weir_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual)
if(WEIR_UNITY)
  # A local name may be that of another file's helper, and no file but the bundle's own is the main one.
  target_compile_options(weir_options INTERFACE -Wno-shadow)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(weir_options INTERFACE -Wshadow=local -Wno-subobject-linkage)
  endif()
endif()
if(WEIR_WERROR)
  target_compile_options(weir_options INTERFACE -Werror)
endif()
if(WEIR_SANITIZE)
  target_compile_options(weir_options INTERFACE -fsanitize=${WEIR_SANITIZE} -fno-omit-frame-pointer)
  if(NOT WEIR_SANITIZE STREQUAL "thread")
    target_compile_options(weir_options INTERFACE -fno-sanitize-recover=all)
  elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(weir_options INTERFACE -Wno-tsan)   # fences, which TSan does not see: Asio's own
  endif()
  target_link_options(weir_options INTERFACE -fsanitize=${WEIR_SANITIZE})
endif()
# g++ 12 takes Asio's coroutine frames, which have their own operator new, for mismatched where it inlines
# only one half.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(weir_options INTERFACE -Wno-mismatched-new-delete)
endif()
target_compile_definitions(weir_options INTERFACE
  BOOST_ASIO_NO_DEPRECATED
  BOOST_ASIO_HAS_CO_AWAIT
  SPDLOG_FMT_EXTERNAL)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE}")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(weir_options INTERFACE -fpch-preprocess)   # lets ccache see through the precompiled header
  endif()
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
