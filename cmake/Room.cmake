# A room is a folder of src/: one static library, and one test program of the *_test.cc beside its
# sources. USES names the rooms above it that it may include, LIBS the packages it needs itself,
# TEST_ENVIRONMENT what its tests run with.
function(vramcast_room name)
  cmake_parse_arguments(ROOM "" "" "USES;LIBS;TEST_ENVIRONMENT" ${ARGN})
  set(folder ${CMAKE_SOURCE_DIR}/src/${name})
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(TRANSFORM ROOM_USES PREPEND room_)

  if(sources)
    add_library(room_${name} STATIC ${sources})
    set(scope PUBLIC)
    target_compile_options(room_${name} PRIVATE ${VRAMCAST_WARNINGS})
  else()
    add_library(room_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(room_${name} ${scope} ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(room_${name} ${scope} ${ROOM_USES} ${ROOM_LIBS} vramcast_headers)
  if(EXISTS ${folder}/data.cmake)
    include(${folder}/data.cmake)
  endif()

  if(VRAMCAST_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_compile_options(${name}_test PRIVATE ${VRAMCAST_WARNINGS})
    target_link_libraries(${name}_test PRIVATE room_${name} GTest::gmock GTest::gtest_main
                                               vramcast_rapidcheck)
    gtest_discover_tests(${name}_test DISCOVERY_TIMEOUT 60
                         PROPERTIES ENVIRONMENT "${ROOM_TEST_ENVIRONMENT}")
  endif()
endfunction()
