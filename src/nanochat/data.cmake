# Puts the tables of data/ into the library as text; data/collect.py writes them.
set(nanochat_tables commits trees blobs flags launches)
set(nanochat_source ${CMAKE_CURRENT_BINARY_DIR}/nanochat_tables.cc)
set(nanochat_text "#include \"nanochat/tables.h\"\n\nnamespace vramcast::nanochat {\n")
foreach(table ${nanochat_tables})
  set(file ${CMAKE_CURRENT_LIST_DIR}/data/${table}.tsv)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} content)
  string(APPEND nanochat_text
         "extern const std::string_view k_${table}_table;\n"
         "const std::string_view k_${table}_table = R\"table(${content})table\";\n")
endforeach()
string(APPEND nanochat_text "}  // namespace vramcast::nanochat\n")
file(CONFIGURE OUTPUT ${nanochat_source} CONTENT "${nanochat_text}" @ONLY)
target_sources(room_nanochat PRIVATE ${nanochat_source})
