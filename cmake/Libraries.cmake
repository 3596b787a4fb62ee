# Everything comes from Debian 12 packages and is linked statically where the package has an archive,
# so that build/release/vramcast is one file. Warnings are errors in our own code only.
find_package(fmt 9 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(tl-expected REQUIRED)
find_package(CLI11 REQUIRED)
find_package(zstd REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Threads REQUIRED)

# GCC 12 at -O3 sees overlapping copies in "literal" + std::string (its bug 105651).
set(VRAMCAST_WARNINGS -Wall -Wextra -Werror -Wshadow -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  list(APPEND VRAMCAST_WARNINGS -Wno-restrict)
endif()

# Debian ships fmt only as a shared library; this is its one translation unit as an archive.
add_library(vramcast_fmt STATIC ${CMAKE_SOURCE_DIR}/cmake/fmt_static.cc)
get_target_property(fmt_include fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
if(fmt_include)
  target_include_directories(vramcast_fmt SYSTEM PUBLIC ${fmt_include})
endif()

find_library(RE2_ARCHIVE NAMES libre2.a REQUIRED)
add_library(vramcast_re2 INTERFACE)
target_link_libraries(vramcast_re2 INTERFACE ${RE2_ARCHIVE} Threads::Threads)

add_library(vramcast_zstd INTERFACE)
target_link_libraries(vramcast_zstd INTERFACE zstd::libzstd_static)

find_library(SQLITE_ARCHIVE NAMES libsqlite3.a REQUIRED)
add_library(vramcast_sqlite INTERFACE)
target_link_libraries(vramcast_sqlite INTERFACE ${SQLITE_ARCHIVE} Threads::Threads
                                                ${CMAKE_DL_LIBS} m)

find_library(NCURSES_ARCHIVE NAMES libncursesw.a REQUIRED)
find_library(TINFO_ARCHIVE NAMES libtinfo.a REQUIRED)
add_library(vramcast_ncurses INTERFACE)
target_link_libraries(vramcast_ncurses INTERFACE ${NCURSES_ARCHIVE} ${TINFO_ARCHIVE})

# What every room may include: the header-only libraries, and fmt.
add_library(vramcast_headers INTERFACE)
target_link_libraries(vramcast_headers INTERFACE vramcast_fmt tl::expected
                                                 nlohmann_json::nlohmann_json)

if(VRAMCAST_TESTS)
  find_package(rapidcheck REQUIRED)
  add_library(vramcast_rapidcheck INTERFACE)
  target_link_libraries(vramcast_rapidcheck INTERFACE rapidcheck)
endif()
