# The start-up module is carried inside the binary (startup.cc).
set_source_files_properties(
  ${folder}/startup.cc PROPERTIES
  COMPILE_DEFINITIONS "VRAMCAST_STARTUP_MODULE=\"${folder}/python/sitecustomize.py\""
  OBJECT_DEPENDS "${folder}/python/sitecustomize.py")
