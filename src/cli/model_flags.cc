#include "cli/model_flags.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "allocator/settings.h"
#include "base/bytes.h"
#include "base/text.h"
#include "cli/flag_table.h"
#include "cli/forecast_text.h"
#include "forecast/json.h"
#include "gpu/card.h"
#include "models/model_forecast.h"
#include "models/presets.h"

namespace vramcast::cli {
namespace {

constexpr int64_t kLargestConfig = 16 << 20;  // bytes of a config.json

// A file where there is one, else a model known by name.
Result<models::ModelConfig> ReadModel(const std::string& model, std::string* origin) {
  std::ifstream file(model, std::ios::binary);
  if (!file) {
    if (model.find('/') != std::string::npos || model.ends_with(".json")) {
      return UnreadableError("cannot read " + model);
    }
    *origin = "built in";
    return models::FindPreset(model);
  }
  std::string text;
  for (char buffer[65536]; file.read(buffer, sizeof buffer) || file.gcount() > 0;) {
    text.append(buffer, static_cast<size_t>(file.gcount()));
    if (static_cast<int64_t>(text.size()) > kLargestConfig) {
      return UnreadableError(model + " is too large for a model's configuration");
    }
  }
  *origin = model;
  Result<models::ModelConfig> config = models::ReadConfig(text);
  if (!config) {
    Error error = config.error();
    error.message = model + ": " + error.message;
    return tl::make_unexpected(std::move(error));
  }
  return config;
}

Result<int64_t> Number(std::string_view flag, std::string_view text) {
  if (const auto value = ParseInt(text)) return *value;
  return UsageError(fmt::format("--{} takes a whole number, not \"{}\"", flag, text));
}

std::vector<std::string> Parts(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return parts;
}

std::string TitleFor(const models::ModelRequest& request) {
  const models::TrainingOptions& o = request.options;
  std::string name = request.config.name.empty() ? "a " + request.config.type : request.config.name;
  return fmt::format("Training {} on {} x {} tokens{}", name, o.batch_size,
                     o.sequence_lengths.front(),
                     o.world_size > 1 ? fmt::format(" on each of {} GPUs", o.world_size) : "");
}

}  // namespace

void ModelFlags::Declare(FlagTable& flags) {
  flags_ = &flags;
  flags.Value("--model", model_, "forecast a transformers model: config.json, gpt2, llama-3-8b…");
  flags.Value("--batch-size,--batch_size", batch_size_, "with --model: sequences at once");
  flags.Value("--seq-len,--seq_len", sequence_,
              "with --model: tokens in a sequence; or of each step's: 512,2048");
  flags.Value("--optimizer", optimizer_,
              "with --model: adamw, adamw-fused, adamw-8bit, sgd, adafactor or muon");
  flags.Switch("--gradient-checkpointing,--gradient_checkpointing", checkpointing_,
               "with --model: compute each block again in the backward pass");
  flags.Value("--grad-accum,--grad_accum", accumulation_, "with --model: micro-batches a step");
  flags.Value("--lora", rank_, "with --model: train adapters of this rank only");
  flags.Value("--lora-targets,--lora_targets", targets_,
              "with --lora: q_proj,v_proj, c_attn or all-linear");
  flags.Switch("--compile", compile_, "with --model: under torch.compile");
  flags.Value("--parallel", parallel_,
              "with --model: none, ddp, fsdp1, fsdp2, zero1, zero2 or zero3");
  flags.Value("--mask", mask_, "with --model: padded (a mask is made) or none");
  flags.Value("--torch", torch_, "with --model: version of PyTorch, for its allocator");
}

std::string ModelFlags::Shared(const char* name, const char* otherwise) const {
  return flags_ == nullptr ? otherwise : flags_->Text(name, otherwise);
}

Status ModelFlags::CheckUnused() const {
  constexpr std::pair<const char*, const char*> kFlags[] = {
      {"--seq-len", "--max-seq-len"},
      {"--batch-size", "--device-batch-size"},
      {"--optimizer", ""},
      {"--gradient-checkpointing", ""},
      {"--grad-accum", ""},
      {"--lora", ""},
      {"--lora-targets", ""},
      {"--compile", ""},
      {"--parallel", ""},
      {"--mask", ""},
      {"--torch", ""},
  };
  for (const auto& [flag, instead] : kFlags) {
    if (flags_ == nullptr || !flags_->Given(flag)) continue;
    const std::string hint =
        *instead == '\0' ? "" : fmt::format("; nanochat's flag is {}", instead);
    return UsageError(fmt::format("{} goes with --model{}", flag, hint));
  }
  return {};
}

Result<Exit> ModelFlags::Run(const ForecastExport& to, bool json, bool explain,
                             Output& output) const {
  models::ModelRequest request;
  Result<models::ModelConfig> config = ReadModel(model_, &request.origin);
  if (!config) return tl::make_unexpected(config.error());
  request.config = std::move(*config);
  models::TrainingOptions& o = request.options;

  const auto read = [](auto parsed, auto* into, Status* status) {
    if (parsed) {
      *into = std::move(*parsed);
    } else if (*status) {
      *status = tl::make_unexpected(parsed.error());
    }
  };
  Status status;
  const std::string batch = batch_size_.empty() ? Shared("--device-batch-size", "1") : batch_size_;
  read(Number("batch-size", batch), &o.batch_size, &status);
  const std::string lengths = sequence_.empty() ? Shared("--max-seq-len", "1024") : sequence_;
  o.sequence_lengths.clear();
  for (const std::string& part : Parts(lengths)) {
    int64_t length = 0;
    read(Number("seq-len", part), &length, &status);
    o.sequence_lengths.push_back(length);
  }
  const std::string dtype = Shared("--dtype", "bf16");
  read(models::ParsePrecision(dtype == "auto" ? "bf16" : dtype), &o.precision, &status);
  const std::string attention = Shared("--attention", "sdpa");
  read(models::ParseAttention(attention == "auto" ? "sdpa" : attention), &o.attention, &status);
  read(models::ParseOptimizer(optimizer_), &o.optimizer, &status);
  read(models::ParseParallel(parallel_), &o.parallel, &status);
  read(models::ParseMask(mask_), &o.mask, &status);
  read(Number("world-size", Shared("--world-size", "1")), &o.world_size, &status);
  o.checkpointing = checkpointing_;
  o.compile = compile_;
  o.accumulation = accumulation_;
  o.lora.rank = rank_;
  const bool gpt2 = request.config.family == models::Family::kGpt2;
  o.lora.targets = Parts(targets_.empty() ? (gpt2 ? "c_attn" : "q_proj,v_proj") : targets_);
  TorchVersion torch;
  if (!torch_.empty()) read(ParseTorchVersion(torch_), &torch, &status);
  read(ParseAllocConf(Shared("--alloc-conf", ""), torch), &request.allocator, &status);
  const std::string card = Shared("--gpu", "");
  std::vector<std::string> notes;
  if (!card.empty()) {
    gpu::CardMatch match;
    read(gpu::FindCard(card), &match, &status);
    request.card = std::move(match.card);
    notes = std::move(match.notes);
  }
  if (const std::string text = Shared("--other-processes", ""); !text.empty()) {
    read(ParseBytes(text), &request.other_processes, &status);
  }
  if (const std::string text = Shared("--margin", ""); !text.empty()) {
    read(ParseBytes(text), &request.margin, &status);
  }
  if (!status) return tl::make_unexpected(status.error());

  Result<forecast::Forecast> forecast = models::Make(request);
  if (!forecast) return tl::make_unexpected(forecast.error());
  if (to.wanted()) {
    if (status = to.Write(models::Record(request)); !status) {
      return tl::make_unexpected(status.error());
    }
  }
  for (std::string& note : notes) forecast->warnings.push_back(std::move(note));
  if (json) {
    output.out() << forecast::ToJson(*forecast).dump(2, ' ', false,
                                                     nlohmann::json::error_handler_t::replace)
                 << '\n';
  } else {
    Document document;
    document.Add(Title{TitleFor(request)});
    AddVerdict(*forecast, request.card ? request.card->name : "the card", &document);
    AddForecast(*forecast, &document);
    if (explain) AddExplanation(*forecast, &document);
    output.Print(document);
  }
  return forecast->fits == false ? Exit::kBadNews : Exit::kYes;
}

}  // namespace vramcast::cli
