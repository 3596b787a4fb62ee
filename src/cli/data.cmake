target_compile_definitions(room_cli PRIVATE VRAMCAST_VERSION="${PROJECT_VERSION}")
target_include_directories(room_cli SYSTEM PUBLIC
                           $<TARGET_PROPERTY:CLI11::CLI11,INTERFACE_INCLUDE_DIRECTORIES>)
