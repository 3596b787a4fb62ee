// Any text as a revision (first line) and as arguments (one a line): read, resolved and counted.
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "nanochat/flags.h"
#include "nanochat/plan.h"
#include "nanochat/shape.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vramcast::nanochat;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> arguments;
  for (const std::string_view line : vramcast::Split(text, '\n')) arguments.emplace_back(line);
  const auto revision = FindRevision(arguments.front());
  arguments.erase(arguments.begin());
  const auto flags = ParseFlags(arguments);
  if (!revision || !flags) return 0;
  const auto run = Resolve(*flags, *revision, flags->stage.value_or(Stage::kBase));
  if (!run || *run->depth > 64) return 0;
  PlanOf(*run);
  OptimizerStates(*run, ShapesOf(*run));
  return 0;
}
