#include "crashlog/memory_line.h"

#include <re2/re2.h>

#include "base/text.h"
#include "crashlog/size_text.h"

namespace vramcast::crashlog {
namespace {}  // namespace

std::optional<MemorySample> MemoryOfLine(const std::string& line) {
  // nvidia-smi's table: "| 45%   60C    P2   300W / 350W |  23000MiB / 24576MiB |".
  static const RE2 kTable(R"((\d{1,9})MiB\s*/\s*(\d{1,9})MiB)");
  // "Peak memory usage: 75422.02MiB", "'memory(GiB)': 61.79", "max_mem: 1234M", "mem 12.3G".
  static const RE2 kLabelled(
      R"re((?i)((?:\b(?:peak|max(?:imum)?|gpu|cuda|now|current(?:ly)?|torch|used)[ _]?)*(?:memory|mem|vram|allocated|reserved)(?:[ _](?:usage|used|allocated|reserved|alloc))?)\s*(?:\(([KMG]i?B)\))?['"]?\s*[:=]?\s*(\d{1,12}(?:\.\d{1,6})?)\s?([KMG]i?B?\b)?)re");
  if (Contains(line, "MiB") && Contains(line, "/")) {
    std::string used;
    if (RE2::PartialMatch(line, kTable, &used)) {
      if (const auto bytes = ReadSize(used, "MiB")) {
        return MemorySample{"nvidia-smi", *bytes, {}, {}};
      }
    }
  }
  const bool may = Contains(line, "mem") || Contains(line, "Mem") || Contains(line, "MEM") ||
                   Contains(line, "VRAM") || Contains(line, "vram") || Contains(line, "llocated") ||
                   Contains(line, "eserved");
  if (!may || Contains(line, "ried to allocate") || Contains(line, "out of memory")) {
    return std::nullopt;
  }
  std::string label, unit_before, number, unit_after;
  if (!RE2::PartialMatch(line, kLabelled, &label, &unit_before, &number, &unit_after)) {
    return std::nullopt;
  }
  std::string unit = unit_after.empty() ? unit_before : unit_after;
  if (unit.empty()) {
    // OpenMMLab prints "memory: 9385" in MiB.
    if (!EqualsIgnoreCase(label, "memory") || !Contains(line, "memory: ")) {
      return std::nullopt;
    }
    unit = "MiB";
  }
  const auto bytes = ReadSize(number, unit);
  if (!bytes) {
    return std::nullopt;
  }
  return MemorySample{ToLower(Trim(label)), *bytes, {}, {}};
}

}  // namespace vramcast::crashlog
