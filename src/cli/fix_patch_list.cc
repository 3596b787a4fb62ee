#include "cli/fix_patch_list.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "cli/code_changes.h"
#include "cli/forecast_text.h"
#include "command/launch.h"
#include "forecast/code_remedies.h"
#include "forecast/json.h"

namespace vramcast::cli {
namespace {

bool NamesCommand(const FixArguments& arguments) {
  return !arguments.argv.empty() || !arguments.command.empty() || !arguments.script.empty() ||
         !arguments.log.empty();
}

struct Subject {
  forecast::Request request;
  FixRevision revision;
  FixCard card;
};

Result<Subject> Find(const FixArguments& arguments) {
  FixSource source;
  Subject subject;
  if (NamesCommand(arguments)) {
    auto read = ReadFixSource(arguments);
    if (!read) return tl::make_unexpected(read.error());
    source = std::move(*read);
    const auto script = command::ReadLaunches(source.text);
    const command::Launch* launch = command::FirstOfNanochat(script.launches);
    if (launch == nullptr) return UsageError("nothing in this command starts nanochat");
    subject.request.flags = launch->flags;
    subject.request.flags_origin = "launch command";
  }
  auto revision = FindFixRevision(arguments, source);
  if (!revision) return tl::make_unexpected(revision.error());
  subject.revision = std::move(*revision);
  subject.request.revision = subject.revision.revision;
  // Without a card the savings are known, and only what fits is not.
  auto card = FindFixCard(arguments, source);
  if (!card && !arguments.gpu.empty()) return tl::make_unexpected(card.error());
  if (card) {
    subject.card = std::move(*card);
    subject.request.card = subject.card.card;
    subject.request.total = subject.card.total;
    subject.request.other_processes = subject.card.other_processes;
  }
  return subject;
}

std::vector<std::string> NotOffered(const nanochat::Family& family) {
  std::vector<std::string> names;
  for (const nanochat::CodeChangeInfo& info : nanochat::CodeChanges()) {
    if (!nanochat::Offered(info.change, family)) names.emplace_back(info.name);
  }
  return names;
}

}  // namespace

Result<Exit> ListPatches(const FixArguments& arguments, bool json, Output& output) {
  const auto subject = Find(arguments);
  if (!subject) return tl::make_unexpected(subject.error());
  const auto plain = forecast::Make(subject->request);
  if (!plain) return tl::make_unexpected(plain.error());
  const std::vector<forecast::CodeRemedy> remedies = forecast::CodeRemedies(subject->request);
  const nanochat::Revision& revision = subject->revision.revision;
  const std::vector<std::string> missing = NotOffered(*revision.family);
  if (json) {
    output.out() << nlohmann::json{{"schema", "vramcast.patches"},
                                   {"version", 1},
                                   {"revision", revision.commit},
                                   {"forecast", forecast::ToJson(*plain)},
                                   {"code_changes", forecast::ToJson(remedies)},
                                   {"not_offered", missing}}
                        .dump(2)
                 << '\n';
    return Exit::kYes;
  }
  Document document;
  document.Add(
      Title{fmt::format("Patches for nanochat {} of {}", revision.ShortCommit(), revision.Date())});
  document.Add(Paragraph{
      fmt::format("{}: {} allocated at the peak{}.", TitleOf(*plain), Gib(plain->peak_allocated),
                  subject->card.name.empty() ? "" : " on " + subject->card.name),
      Tone::kPlain});
  AddAllCodeChanges(remedies, &document);
  for (const forecast::CodeRemedy& remedy : remedies) {
    if (remedy.patches.size() == 1) {
      document.Add(Bullet{remedy.names + ": " + remedy.description + ".", Tone::kPlain});
    }
  }
  for (const std::string& name : missing) {
    document.Add(Bullet{name + " was not proven for this revision.", Tone::kWarning});
  }
  output.Print(document);
  return Exit::kYes;
}

}  // namespace vramcast::cli
