// `vramcast fix`: the corrected command, what changed and why, and what can be saved of a dead run.
#include <nlohmann/json.hpp>
#include <ostream>
#include <span>
#include <utility>

#include "cli/fix_patch.h"
#include "cli/fix_patch_list.h"
#include "cli/fix_plan.h"
#include "cli/fix_report.h"
#include "cli/fix_saved.h"
#include "cli/fix_source.h"
#include "cli/flag_table.h"
#include "cli/verbs.h"
#include "cli/write_in_place.h"
#include "command/edit.h"

namespace vramcast::cli {
namespace {

bool StartsNanochat(const std::string& text) {
  return command::FirstOfNanochat(command::ReadLaunches(text).launches) != nullptr;
}

class FixVerb : public Verb {
 public:
  std::string_view name() const override { return "fix"; }
  std::string_view description() const override {
    return "corrects a command so that it fits: only the flags that must change";
  }

  void Declare(FlagTable& flags) override {
    flags.Value("--command", arguments_.command, "the command as one string; every byte is kept");
    flags.Value("--script", arguments_.script, "a launch script: shows what to change in it");
    flags.Value("--in-place", arguments_.in_place,
                "a launch script: changes it, the original stays beside it as FILE.orig; with "
                "--patch a checkout");
    flags.Value("--patch", patch_.names,
                "a change of nanochat's code that saves memory, as a difference; list: which "
                "there are");
    flags.Value("--checkout", patch_.checkout, "of --patch: the checkout (default: this folder)");
    flags.Value("--allow", patch_.allow,
                "of --patch: changed-training, modified-checkout, unproven-patch");
    flags.Value("--log", arguments_.log,
                "the log of the run that died (-: standard input): its command and card");
    flags.Value("--gpu", arguments_.gpu, "the card: \"RTX 3090\", a100-40gb, 24GiB");
    flags.Value("--revision", arguments_.revision,
                "of nanochat: a commit, a date, oct2025, jan2026, mar2026 or head");
    flags.Value("--nanochat", arguments_.nanochat, "a checkout, whose revision counts");
    flags.Value("--other-processes", arguments_.other_processes,
                "what others hold on the card: 2GiB");
    flags.Value("--margin", arguments_.margin, "to keep free beside the forecast's uncertainty");
    flags.Switch("--json", json_, "the answer as JSON");
    flags.Switch("--explain", explain_, "each term of the forecast and where its inputs come from");
  }

  Result<Exit> Run(const std::vector<std::string>& command, Output& output) override {
    arguments_.argv = command;
    if (!patch_.names.empty()) return RunPatch(output);
    if (!patch_.checkout.empty() || !patch_.allow.empty()) {
      return UsageError("--checkout and --allow are for --patch");
    }
    auto answer = Answer();
    if (!answer) return tl::make_unexpected(answer.error());
    if (json_) {
      output.out() << ToJson(*answer).dump(2) << '\n';
    } else {
      output.Print(Describe(*answer, explain_));
    }
    return answer->plan.fits() ? Exit::kYes : Exit::kBadNews;
  }

 private:
  Result<Exit> RunPatch(Output& output) {
    if (patch_.names == "list") {
      if (!patch_.checkout.empty()) arguments_.nanochat = patch_.checkout;
      return ListPatches(arguments_, json_, output);
    }
    patch_.in_place = !arguments_.in_place.empty();
    if (patch_.in_place && !patch_.checkout.empty()) {
      return UsageError("--checkout only looks and --in-place changes: name the checkout once");
    }
    if (patch_.in_place) patch_.checkout = arguments_.in_place;
    patch_.json = json_;
    return PatchCheckout(patch_, output);
  }

  Result<FixAnswer> Answer() const {
    auto source = ReadFixSource(arguments_);
    if (!source) return tl::make_unexpected(source.error());
    auto revision = FindFixRevision(arguments_, *source);
    if (!revision) return tl::make_unexpected(revision.error());
    auto card = FindFixCard(arguments_, *source);
    // Other programs have no forecast, so they need no card either.
    if (!card && (!arguments_.gpu.empty() || StartsNanochat(source->text))) {
      return tl::make_unexpected(card.error());
    }
    if (!card) card = FixCard();

    FixRequest request;
    request.text = source->text;
    request.revision = revision->revision;
    request.card = card->card;
    request.total = card->total;
    request.other_processes = card->other_processes;
    request.known = Known(*source);
    request.died = source->dead && source->dead->gpu_memory;
    if (!arguments_.margin.empty()) {
      const auto margin = ParseBytes(arguments_.margin);
      if (!margin) return tl::make_unexpected(margin.error());
      request.margin = *margin;
    }
    auto plan = MakeFixPlan(request);
    if (!plan) return tl::make_unexpected(plan.error());

    FixAnswer answer{std::move(*source),
                     std::move(*revision),
                     std::move(*card),
                     std::move(*plan),
                     std::nullopt,
                     "",
                     ""};
    const bool script = answer.source.kind == FixSource::Kind::kScript;
    if (script && answer.plan.changed()) {
      answer.difference = command::Difference(answer.source.text, answer.plan.text,
                                              answer.source.file, answer.source.file);
    }
    if (!script) {
      answer.saved = Save(answer);
      const bool matters = answer.plan.changed() || answer.source.dead;
      if (answer.saved && !answer.saved->checkpoint && !matters) answer.saved.reset();
    }
    if (!arguments_.in_place.empty() && answer.plan.changed() && answer.plan.fits()) {
      const NewText text{arguments_.in_place, answer.plan.text};
      if (auto status = WriteInPlace(std::span(&text, 1)); !status) {
        return tl::make_unexpected(status.error());
      }
      answer.written_to = arguments_.in_place;
    }
    return answer;
  }

  // What the log printed, else what the checkpoint says that a later stage starts from.
  static nanochat::Flags Known(const FixSource& source) {
    const auto script = command::ReadLaunches(source.text);
    const bool later = script.launches.size() == 1 && script.launches[0].is_nanochat() &&
                       script.launches[0].stage != nanochat::Stage::kBase;
    if (source.known.depth || !later) return source.known;
    return FlagsOfCheckpoint(script.launches[0], ResultsFolder(script.launches[0]));
  }

  // A single command is a run that died or will; a script says nothing about which of its runs.
  static std::optional<Saved> Save(const FixAnswer& answer) {
    const auto script = command::ReadLaunches(answer.plan.text);
    const command::Launch* launch = command::FirstOfNanochat(script.launches);
    if (launch == nullptr) return std::nullopt;
    std::optional<int64_t> depth = launch->flags.depth;
    for (const FixedLaunch& fixed : answer.plan.launches) {
      if (depth || fixed.stage != launch->stage || !fixed.after) continue;
      for (const forecast::Input& input : fixed.after->inputs) {
        if (input.name == "depth") depth = std::atoll(input.value.c_str());
      }
    }
    const auto died = answer.source.dead ? answer.source.dead->step : std::nullopt;
    return FindSaved(script, *launch, answer.revision.revision, depth, died,
                     ResultsFolder(*launch));
  }

  FixArguments arguments_;
  PatchArguments patch_;
  bool json_ = false;
  bool explain_ = false;
};

}  // namespace

std::unique_ptr<Verb> MakeFixVerb() { return std::make_unique<FixVerb>(); }

}  // namespace vramcast::cli
