// What changes of nanochat's code would save, as a table, for the verbs that advise.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "forecast/code_remedies.h"
#include "report/document.h"

namespace vramcast::cli {

// Nothing unless one of them is proven.
void AddCodeChanges(const std::vector<forecast::CodeRemedy>& remedies, Document* document);
// Nothing if there are none.
void AddAllCodeChanges(const std::vector<forecast::CodeRemedy>& remedies, Document* document);

// ", then up to --device-batch-size=64": what a change of code makes room for; empty if unknown.
std::string UpTo(const std::optional<int64_t>& largest_batch);

}  // namespace vramcast::cli
