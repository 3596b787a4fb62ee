// Opens one of the store's files in today's schema: makes it, migrates it, or sets a damaged one
// aside. Nothing of the user's is ever deleted.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/database.h"

namespace vramcast::store {

// SQL that leads from version n to n + 1, for each n from 0 (an empty file). Steps are only ever
// added: a file that was written by any release can be read by all later ones.
using Schema = std::span<const char* const>;

// What had to be done to the file is said in `messages`. kMachine: the folder or the disk refuses,
// or a newer vramcast wrote the file (which is left alone).
Result<Database> OpenCurrent(const std::filesystem::path& file, Schema schema, Missing missing,
                             Journal journal, std::vector<std::string>* messages);

// Renames a damaged file (and SQLite's files beside it) out of the way; the message says where it
// is. kMachine if it cannot be renamed.
Status SetAside(const std::filesystem::path& file, std::vector<std::string>* messages);

}  // namespace vramcast::store
