// `vramcast check`: this machine, this checkout, and what to run here.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/check_advice.h"
#include "cli/flag_table.h"
#include "cli/gpu_text.h"
#include "cli/verbs.h"
#include "gpu/json.h"
#include "gpu/machine.h"

namespace vramcast::cli {
namespace {

using gpu::Machine;

void AddMachine(const Machine& machine, Document* document) {
  std::string about =
      fmt::format("{} GPU{} on {}", machine.gpus.size(), machine.gpus.size() == 1 ? "" : "s",
                  machine.host.value_or("this machine"));
  if (machine.driver_version) about += ", driver " + *machine.driver_version;
  if (machine.cuda_version) about += " (CUDA up to " + *machine.cuda_version + ")";
  document->Add(Title{about});
  AddGpus(machine, document);
  AddProcesses(machine, document);
  AddLeftovers(machine, document);
  for (const std::string& note : machine.notes) {
    document->Add(Paragraph{AsSentence(note), Tone::kWarning});
  }
}

void AddVisible(const Machine& machine, Document* document) {
  if (!machine.visible_rule || machine.visible.empty()) return;
  std::string list;
  for (const gpu::VisibleDevice& device : machine.visible) {
    const auto capacity = CapacityOf(machine, device);
    list += fmt::format("{}GPU {}{}", list.empty() ? "" : ", ", machine.gpus[device.gpu].index,
                        device.instance && capacity ? " (" + capacity->name + ")" : "");
  }
  document->Add(Paragraph{
      fmt::format("CUDA_VISIBLE_DEVICES={} lets programs see {}.", *machine.visible_rule, list)});
}

void AddTerms(const Machine& machine, Document* document) {
  document->Add(Title{"Where the numbers come from"});
  for (size_t g = 0; g < machine.gpus.size(); ++g) {
    const gpu::Gpu& gpu = machine.gpus[g];
    std::string text = fmt::format("GPU {}: {} of the board", gpu.index,
                                   gpu.total ? FormatBytes(*gpu.total) : "unknown total");
    if (gpu.reserved) {
      text += fmt::format(" - {} kept by the driver", FormatBytes(*gpu.reserved));
    } else {
      text += ", of which the driver does not say what it keeps (the catalogue's value is used)";
    }
    if (const auto capacity = CapacityOf(machine, {.gpu = g})) {
      text += fmt::format(" = {} for programs", FormatBytes(capacity->total));
    }
    document->Add(Bullet{fmt::format("{}; source: {}.", text, machine.source)});
  }
}

class CheckVerb : public Verb {
 public:
  std::string_view name() const override { return "check"; }
  std::string_view description() const override {
    return "this machine, this checkout, and what to run here";
  }

  void Declare(FlagTable& flags) override {
    flags.Value("--gpu-source", source_, "auto, nvml, nvidia-smi or demo (a made-up machine)");
    flags.Value("--nanochat", checkout_, "the nanochat checkout (default: here or above)");
    flags.Switch("--json", json_, "print JSON only");
    flags.Switch("--explain", explain_, "say where each number comes from");
  }

  Result<Exit> Run(const std::vector<std::string>& command, Output& output) override {
    if (!command.empty()) {
      return UsageError("check takes no command; vramcast forecast -- COMMAND forecasts one");
    }
    const auto source = gpu::SourceFromName(source_.empty() ? "auto" : source_);
    if (!source) {
      return UsageError(
          fmt::format("unknown --gpu-source '{}': auto, nvml, nvidia-smi or demo", source_));
    }
    Result<Machine> machine = gpu::Gather(*source);
    Result<CheckoutAdvice> advice = Advise(checkout_, machine ? &*machine : nullptr);
    if (!advice) return tl::make_unexpected(advice.error());
    if (json_) {
      PrintJson(machine, *advice, output);
    } else {
      Print(machine, *advice, output);
    }
    return machine ? Exit::kYes : Exit::kMachine;
  }

 private:
  static constexpr const char* kWithoutGpu =
      "Everything but check, watch and dryrun works without a GPU: name the card instead, for "
      "example:";

  void PrintJson(const Result<Machine>& machine, const CheckoutAdvice& advice,
                 Output& output) const {
    nlohmann::json object = {{"schema", "vramcast.check"}, {"version", 1}};
    object["machine"] = machine ? gpu::ToJson(*machine) : nlohmann::json(nullptr);
    object["problem"] = machine ? nlohmann::json(nullptr) : nlohmann::json(machine.error().message);
    object["leftovers"] = nlohmann::json::array();
    if (machine) {
      for (const gpu::Gpu& gpu : machine->gpus) {
        for (const gpu::GpuProcess& process : gpu.processes) {
          if (!process.leftover) continue;
          nlohmann::json one = gpu::ToJson(process);
          one["gpu"] = gpu.index;
          object["leftovers"].push_back(std::move(one));
        }
      }
    }
    object["smallest"] = nullptr;
    if (const auto smallest = machine ? SmallestDevice(*machine) : std::nullopt) {
      object["smallest"] = {{"name", smallest->name},
                            {"capacity_bytes", smallest->total.count()},
                            {"free_bytes", smallest->free ? nlohmann::json(smallest->free->count())
                                                          : nlohmann::json(nullptr)}};
    }
    AddJson(advice, &object);
    output.out() << object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  }

  void Print(const Result<Machine>& machine, const CheckoutAdvice& advice, Output& output) const {
    Document document;
    if (machine) {
      AddMachine(*machine, &document);
      AddVisible(*machine, &document);
      if (explain_) AddTerms(*machine, &document);
    } else {
      document.Add(Title{"No GPU to look at"});
      document.Add(Paragraph{AsSentence(machine.error().message), Tone::kBad});
      document.Add(Paragraph{kWithoutGpu});
      document.Add(
          Code{"vramcast fit --depth=20 --gpu \"RTX 3090\"\n"
               "vramcast check --gpu-source demo"});
    }
    AddText(advice, explain_, &document);
    output.Print(document);
  }

  std::string source_;
  std::string checkout_;
  bool json_ = false;
  bool explain_ = false;
};

}  // namespace

std::unique_ptr<Verb> MakeCheckVerb() { return std::make_unique<CheckVerb>(); }

}  // namespace vramcast::cli
