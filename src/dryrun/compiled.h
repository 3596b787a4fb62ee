// torch.compile's generated code as a reader wants to see it: "compiled forward: mm" in place of a
// line of a file in a cache, so that the same work in every layer is one line.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "trace/recording.h"

namespace vramcast::dryrun {

// "forward", "backward" or "inference" of a file that Inductor generated; nothing for another file.
std::optional<std::string> CompiledPart(std::string_view source);

// The kernel that the buffer allocated at `line` (from 1) is for: "mm", "fused add mul rsqrt".
// Empty if none follows.
std::string KernelAfter(std::string_view source, uint64_t line);

// Renames the frames of generated files that can still be read, and those of the modules in
// `own_folder`, which are no part of the program.
void NameCompiled(const std::filesystem::path& own_folder, Recording* recording);

}  // namespace vramcast::dryrun
