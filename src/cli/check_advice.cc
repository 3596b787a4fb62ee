#include "cli/check_advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "command/quote.h"
#include "nanochat/flags.h"
#include "nanochat/launches.h"

namespace vramcast::cli {
namespace {

using nanochat::Certainty;
using nanochat::Flags;
using nanochat::Revision;

// Flags of upstream's own base training, as its launch script has them: those that belong to one
// person's run (its name, its log) are left out by the list itself.
std::vector<std::string> UpstreamFlags(const Revision& revision) {
  for (const nanochat::UpstreamLaunch& launch : nanochat::LaunchesOf(revision, "speedrun")) {
    if (launch.stage != nanochat::Stage::kBase || launch.script != "scripts.base_train") continue;
    return {launch.flags.begin(), launch.flags.end()};
  }
  return {"--depth=20"};
}

std::string CertaintyWords(const CheckoutAdvice& advice) {
  switch (advice.revision.certainty) {
    case Certainty::kExact:
      return "exactly";
    case Certainty::kModified: {
      const auto& files = advice.checkout->modified;
      return files.empty() ? "a branch beside it" : "changed in " + Join(files, ", ");
    }
    case Certainty::kNearest:
      break;
  }
  return "the nearest that is known";
}

forecast::Request MakeRequest(const CheckoutAdvice& advice, const Flags& flags,
                              const std::optional<gpu::Card>& card, Bytes other) {
  return {.flags = flags,
          .flags_origin = "speedrun of " + advice.revision.ShortCommit(),
          .card = card,
          .total = advice.smallest->total,
          .other_processes = other};
}

// The fit at upstream's depth; where no batch size fits, at the largest depth below it that leaves
// room for a batch of a few, or failing that for one.
std::optional<forecast::Fit> FitOrShallower(forecast::Request request) {
  constexpr int64_t kAFew = 4;
  constexpr int64_t kShallowest = 4;
  std::optional<forecast::Fit> first;
  std::optional<forecast::Fit> cramped;
  for (int64_t depth = request.flags.depth.value_or(20); depth >= kShallowest; depth -= 2) {
    request.flags.depth = depth;
    auto fit = forecast::FindBatch(request);
    if (!fit) return first;
    if (fit->device_batch_size && (!first || *fit->device_batch_size >= kAFew)) return *fit;
    if (fit->device_batch_size && !cramped) cramped = *fit;
    if (!first) first = *std::move(fit);
  }
  return cramped ? cramped : first;
}

std::string CommandFor(const CheckoutAdvice& advice, const forecast::Fit& fit) {
  if (!fit.device_batch_size) return "";
  constexpr std::string_view kScript = "scripts.base_train";
  std::vector<std::string> words;
  if (advice.gpus > 1) {
    words = {"torchrun", "--standalone",       fmt::format("--nproc_per_node={}", advice.gpus),
             "-m",       std::string(kScript), "--"};
  } else {
    words = {"python", "-m", std::string(kScript)};
  }
  const std::string batch = nanochat::Spell(advice.revision, kScript, "device_batch_size");
  const std::string depth = nanochat::Spell(advice.revision, kScript, "depth");
  for (const std::string& flag : UpstreamFlags(advice.revision)) {
    const std::string name = nanochat::CanonicalName(flag.substr(0, flag.find('=')));
    if (name == "device_batch_size" || name == "depth" || name == "run") continue;
    if (name == "fp8" && advice.drops_fp8) continue;
    words.push_back(flag);
  }
  words.push_back(fmt::format("{}={}", depth, fit.flags.depth.value_or(20)));
  words.push_back(fmt::format("{}={}", batch, *fit.device_batch_size));
  return command::QuoteCommand(words);
}

Bytes HeldByLeftovers(const gpu::Machine& machine, const std::string& name) {
  Bytes most;
  for (const gpu::VisibleDevice& device : machine.visible) {
    const auto capacity = CapacityOf(machine, device);
    if (!capacity || capacity->name != name) continue;
    Bytes held;
    for (const gpu::GpuProcess& process : machine.gpus[device.gpu].processes) {
      if (process.leftover && process.used) held += *process.used;
    }
    most = std::max(most, held);
  }
  return most;
}

void AddFits(const gpu::Machine& machine, CheckoutAdvice* advice) {
  auto flags = nanochat::ParseFlags(UpstreamFlags(advice->revision));
  if (!flags) return;
  // torch._scaled_mm needs compute capability 8.9 (PyTorch 2.9,
  // aten/src/ATen/native/cuda/Blas.cpp).
  constexpr gpu::ComputeCapability kFp8From{8, 9};
  const auto capability = advice->smallest->capability;
  if (flags->fp8.value_or(false) && capability && *capability < kFp8From) {
    advice->drops_fp8 = true;
    flags->fp8.reset();
  }
  flags->device_batch_size.reset();
  flags->world_size = advice->gpus;
  flags->revision = advice->revision.commit;
  flags->stage = nanochat::Stage::kBase;
  std::optional<gpu::Card> card;
  for (const gpu::VisibleDevice& device : machine.visible) {
    if (machine.gpus[device.gpu].name == advice->smallest->name)
      card = machine.gpus[device.gpu].card;
  }
  const Bytes other = advice->smallest->other.value_or(Bytes(0));
  advice->fit = FitOrShallower(MakeRequest(*advice, *flags, card, other));
  if (!advice->fit) return;
  advice->command = CommandFor(*advice, *advice->fit);
  advice->leftovers = HeldByLeftovers(machine, advice->smallest->name);
  if (advice->leftovers <= Bytes(0)) return;
  const Bytes without = std::max(other - advice->leftovers, Bytes(0));
  auto freed = FitOrShallower(MakeRequest(*advice, *flags, card, without));
  if (!freed) return;
  advice->command_without_leftovers = CommandFor(*advice, *freed);
  if (advice->command_without_leftovers == advice->command) {
    advice->command_without_leftovers.clear();
  } else {
    advice->fit_without_leftovers = std::move(freed);
  }
}

std::string FitWords(const forecast::Fit& fit) {
  const forecast::Forecast& made = fit.forecast;
  return fmt::format(
      "{} of {} at its peak ({}), {} accumulation step{}", FormatBytes(made.peak_device),
      made.capacity ? FormatBytes(*made.capacity) : "an unknown size", PhaseTitle(made.peak_phase),
      fit.grad_accum_steps, fit.grad_accum_steps == 1 ? "" : "s");
}

}  // namespace

Result<CheckoutAdvice> Advise(const std::string& directory, const gpu::Machine* machine) {
  CheckoutAdvice advice;
  auto checkout = nanochat::DetectCheckout(directory.empty() ? "." : directory);
  if (checkout) {
    advice.revision = checkout->revision;
    advice.checkout = *std::move(checkout);
  } else {
    if (!directory.empty()) return tl::make_unexpected(checkout.error());
    advice.revision = nanochat::HeadRevision();
  }
  if (machine == nullptr) return advice;
  advice.gpus = static_cast<int64_t>(machine->visible.size());
  advice.smallest = SmallestDevice(*machine);
  if (advice.smallest) AddFits(*machine, &advice);
  return advice;
}

void AddText(const CheckoutAdvice& advice, bool explain, Document* document) {
  const Revision& revision = advice.revision;
  document->Add(Title{"nanochat"});
  if (advice.checkout) {
    document->Add(Paragraph{fmt::format("The checkout {} is revision {} of {} ({}).",
                                        advice.checkout->root.string(), revision.ShortCommit(),
                                        revision.Date(), CertaintyWords(advice))});
    if (explain) {
      document->Add(Bullet{fmt::format(
          "{} of {} files that decide memory are equal to it; family {}.",
          advice.checkout->matching, advice.checkout->compared, revision.family->name)});
      if (!revision.note.empty()) document->Add(Bullet{revision.note + "."});
    }
  } else {
    document->Add(
        Paragraph{fmt::format("No nanochat checkout here; what follows is for upstream's newest "
                              "known revision, {} of {}.",
                              revision.ShortCommit(), revision.Date())});
  }
  if (!advice.fit) return;
  const std::string where = fmt::format(
      "{}{} with {} free",
      advice.gpus > 1 ? fmt::format("{} GPUs, the smallest ", advice.gpus) : "",
      advice.smallest->name, FormatBytes(advice.smallest->free.value_or(advice.smallest->total)));
  document->Add(Title{"What to run here"});
  if (advice.command.empty()) {
    document->Add(Paragraph{
        fmt::format("No batch size of upstream's training fits {}; vramcast fit says what does.",
                    where),
        Tone::kBad});
  } else {
    document->Add(Paragraph{fmt::format("On {}: {}.", where, FitWords(*advice.fit)), Tone::kGood});
    document->Add(Code{advice.command});
  }
  if (advice.fit_without_leftovers && !advice.command_without_leftovers.empty()) {
    document->Add(Paragraph{fmt::format("With the leftovers ended ({} more): {}.",
                                        FormatBytes(advice.leftovers),
                                        FitWords(*advice.fit_without_leftovers))});
    document->Add(Code{advice.command_without_leftovers});
  }
  if (advice.drops_fp8) {
    document->Add(Bullet{"Without upstream's --fp8, which needs compute capability 8.9."});
  }
  if (!explain) return;
  document->Add(Bullet{fmt::format(
      "Depth and flags are those of upstream's speedrun at {}, or the largest depth below it that "
      "fits; the batch size is the largest whose "
      "forecast's high end fits what is free; vramcast fit --explain shows its terms.",
      revision.ShortCommit())});
}

void AddJson(const CheckoutAdvice& advice, nlohmann::json* object) {
  using nlohmann::json;
  const auto certainty = [](Certainty value) {
    return value == Certainty::kExact      ? "exact"
           : value == Certainty::kModified ? "modified"
                                           : "nearest";
  };
  json& out = *object;
  out["checkout"] = nullptr;
  if (advice.checkout) {
    out["checkout"] = {
        {"root", advice.checkout->root.string()},
        {"head", advice.checkout->head ? json(*advice.checkout->head) : json(nullptr)},
        {"revision", advice.revision.commit},
        {"date", advice.revision.Date()},
        {"family", advice.revision.family->name},
        {"certainty", certainty(advice.revision.certainty)},
        {"modified", advice.checkout->modified}};
  }
  const auto recommendation = [&advice](const std::optional<forecast::Fit>& fit,
                                        const std::string& command) -> json {
    if (!fit || command.empty()) return nullptr;
    return {{"revision", advice.revision.commit},
            {"command", command},
            {"depth", fit->flags.depth ? json(*fit->flags.depth) : json(nullptr)},
            {"device_batch_size", *fit->device_batch_size},
            {"grad_accum_steps", fit->grad_accum_steps},
            {"world_size", advice.gpus},
            {"peak_device_bytes", fit->forecast.peak_device.count()},
            {"capacity_bytes",
             fit->forecast.capacity ? json(fit->forecast.capacity->count()) : json(nullptr)}};
  };
  out["recommendation"] = recommendation(advice.fit, advice.command);
  out["recommendation_without_leftovers"] =
      recommendation(advice.fit_without_leftovers, advice.command_without_leftovers);
}

}  // namespace vramcast::cli
