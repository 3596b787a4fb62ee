// Writes what a verb was asked to put into a file.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace vramcast::cli {

// Replaces the file. Unreadable error if it cannot be written.
Status WriteFile(const std::string& path, std::string_view content);

}  // namespace vramcast::cli
