// What the verbs say about GPUs and their processes: one wording for check and watch.
#pragma once

#include <string>

#include "gpu/machine.h"
#include "report/document.h"

namespace vramcast::cli {

// "1.5 s", "26 min", "3 h 20 min", "12 days".
std::string FormatSeconds(double seconds);

// Adds the GPUs of a machine: one line a GPU with its memory, and a bar for each.
void AddGpus(const gpu::Machine& machine, Document* document);
// Adds the processes that hold memory; nothing if there are none.
void AddProcesses(const gpu::Machine& machine, Document* document);
// Adds the leftover processes and the commands that end them; nothing if there are none.
void AddLeftovers(const gpu::Machine& machine, Document* document);

}  // namespace vramcast::cli
