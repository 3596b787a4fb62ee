#include "cli/code_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/forecast_text.h"

namespace vramcast::cli {

void AddCodeChanges(const std::vector<forecast::CodeRemedy>& remedies, Document* document) {
  const bool proven = std::any_of(remedies.begin(), remedies.end(),
                                  [](const auto& remedy) { return remedy.proven; });
  if (proven) AddAllCodeChanges(remedies, document);
}

void AddAllCodeChanges(const std::vector<forecast::CodeRemedy>& remedies, Document* document) {
  if (remedies.empty()) return;
  document->Add(Title{"What a change of nanochat's code would save"});
  Table table{
      {"saves", "at most", "fits", "largest batch", "patch"}, {}, {true, true, false, true, false}};
  for (const forecast::CodeRemedy& remedy : remedies) {
    const auto& fits = remedy.forecast.fits;
    table.rows.push_back({Gib(remedy.saved), Gib(remedy.forecast.device_interval.high),
                          !fits   ? ""
                          : *fits ? "yes"
                                  : "no",
                          remedy.largest_batch ? std::to_string(*remedy.largest_batch) : "",
                          remedy.names + (remedy.proven ? "" : " *")});
  }
  document->Add(std::move(table));
  const auto proven = std::find_if(remedies.begin(), remedies.end(),
                                   [](const auto& remedy) { return remedy.proven; });
  if (proven != remedies.end()) {
    document->Add(Paragraph{"To see one as a difference, in the checkout:", Tone::kPlain});
    document->Add(Code{forecast::PatchCommand(*proven)});
  }
  const bool guesses = std::any_of(remedies.begin(), remedies.end(),
                                   [](const auto& remedy) { return !remedy.proven; });
  if (guesses) {
    document->Add(Bullet{
        "What is marked with a star was not proven by a dry run for this revision, and is not "
        "offered.",
        Tone::kWarning});
  }
  const bool changes = std::any_of(remedies.begin(), remedies.end(),
                                   [](const auto& remedy) { return remedy.changes_training(); });
  if (changes) {
    document->Add(
        Bullet{"bf16-states changes what is trained; the others do not.", Tone::kWarning});
  }
}

std::string UpTo(const std::optional<int64_t>& largest_batch) {
  if (!largest_batch) return "";
  return fmt::format(", then up to --device-batch-size={}", *largest_batch);
}

}  // namespace vramcast::cli
