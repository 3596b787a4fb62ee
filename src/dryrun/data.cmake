# The device library that user programs load, and the Python modules that go with it: all carried
# inside the binary. It is built without sanitizers, since foreign programs load it.
file(GLOB device_sources CONFIGURE_DEPENDS ${folder}/device/*.cc)
add_library(vramcast_device MODULE ${device_sources})
target_include_directories(vramcast_device PRIVATE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(vramcast_device PRIVATE ${VRAMCAST_WARNINGS} -fno-sanitize=all -fvisibility=hidden -O2)
target_link_options(vramcast_device PRIVATE -fno-sanitize=all -static-libstdc++ -static-libgcc
                    -Wl,--exclude-libs,ALL -Wl,-soname,libvramcast_device.so)
set_target_properties(vramcast_device PROPERTIES OUTPUT_NAME vramcast_device PREFIX lib
                                                 LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/dryrun)
file(GLOB python_sources CONFIGURE_DEPENDS ${folder}/python/*.py)
add_dependencies(room_dryrun vramcast_device)
set_source_files_properties(
  ${folder}/resources.cc PROPERTIES
  COMPILE_DEFINITIONS
  "VRAMCAST_DEVICE_LIBRARY=\"$<TARGET_FILE:vramcast_device>\";VRAMCAST_PYTHON_FOLDER=\"${folder}/python\""
  OBJECT_DEPENDS "${CMAKE_BINARY_DIR}/dryrun/libvramcast_device.so;${python_sources}")
# How long programs are inside the device, measured by itself (bench/device_time.cc).
option(VRAMCAST_DEVICE_TIMES "let the dry run's device measure its own time")
if(VRAMCAST_DEVICE_TIMES)
  target_sources(vramcast_device PRIVATE ${CMAKE_SOURCE_DIR}/bench/device_time.cc)
  target_compile_options(vramcast_device PRIVATE -finstrument-functions
                         -finstrument-functions-exclude-file-list=/usr/include,/usr/lib)
  # The C library has functions of the same names, which do nothing.
  target_link_options(vramcast_device PRIVATE -Wl,-Bsymbolic-functions)
endif()
