// What nvidia-smi prints as CSV, and what its error messages mean. Columns are found by their
// names, so that missing, added and reordered ones do no harm.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gpu/machine.h"

namespace vramcast::gpu {

// The columns asked for, newest last: an old nvidia-smi that does not know one names it in its
// error.
std::vector<std::string> SmiGpuColumns();
// The column that `error` calls invalid ("Field "x" is not a valid field to query.").
std::optional<std::string> InvalidSmiColumn(std::string_view error);

// The output of --query-gpu=… --format=csv. Lines that are no GPU are counted into a note.
// Unreadable error: no header line.
Result<Machine> ParseSmiGpus(std::string_view csv);

// Adds the output of --query-compute-apps=gpu_uuid,pid,process_name,used_gpu_memory --format=csv.
void AddSmiProcesses(std::string_view csv, Machine* machine);

// Adds the instances that `nvidia-smi -L` lists; their sizes are only as exact as their profile
// names.
void AddSmiInstances(std::string_view list, Machine* machine);

// "CUDA Version: 12.8" in the banner of a plain nvidia-smi.
std::optional<std::string> CudaVersionInBanner(std::string_view banner);

// What a failed nvidia-smi means: one sentence.
std::string ExplainSmi(int exit_code, std::string_view text);

}  // namespace vramcast::gpu
