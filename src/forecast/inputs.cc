#include "forecast/inputs.h"

#include <fmt/format.h>

#include "nanochat/family.h"

namespace vramcast::forecast {
namespace {

std::string Text(int64_t value) { return std::to_string(value); }
std::string Text(bool value) { return value ? "true" : "false"; }
std::string Text(const std::string& value) { return value; }
std::string Text(nanochat::Dtype dtype) {
  switch (dtype) {
    case nanochat::Dtype::kBf16:
      return "bf16";
    case nanochat::Dtype::kFp16:
      return "fp16";
    case nanochat::Dtype::kFp32:
      break;
  }
  return "fp32";
}
std::string Text(nanochat::Attention attention) {
  return attention == nanochat::Attention::kFa3 ? "fa3" : "sdpa";
}
std::string Text(nanochat::Launcher launcher) {
  return launcher == nanochat::Launcher::kTorchrun ? "torchrun" : "python";
}

std::string_view StageName(nanochat::Stage stage) {
  switch (stage) {
    case nanochat::Stage::kBase:
      return "base";
    case nanochat::Stage::kMid:
      return "mid";
    case nanochat::Stage::kSft:
      return "sft";
    case nanochat::Stage::kRl:
      return "rl";
    case nanochat::Stage::kBaseEval:
      return "base_eval";
    case nanochat::Stage::kChatEval:
      break;
  }
  return "chat_eval";
}

std::string AllocConfOrigin(const Job& job, const Request& request) {
  const std::string& variable = job.config.alloc_conf_variable;
  if (variable == "PYTORCH_CUDA_ALLOC_CONF") return "the script sets " + variable;
  if (request.allocator) return "PYTORCH_CUDA_ALLOC_CONF as given";
  if (variable.empty()) return "default of PyTorch";
  return "the script sets " + variable + ", which PyTorch 2.9's CUDA allocator does not read";
}

class List {
 public:
  explicit List(const Request& request) : request_(request) {}

  template <typename T>
  void Add(const char* name, const nanochat::Value<T>& value) {
    std::string origin;
    switch (value.source) {
      case nanochat::Source::kFlag:
        origin = request_.flags_origin;
        break;
      case nanochat::Source::kDefault:
        origin = "default";
        break;
      case nanochat::Source::kRule:
        origin = "computed";
        break;
      case nanochat::Source::kCheckout:
        origin = "checkout";
        break;
      case nanochat::Source::kAssumed:
        origin = "assumed";
        break;
    }
    if (!value.detail.empty() && value.detail != origin) origin += ": " + value.detail;
    list_.push_back({name, Text(*value), std::move(origin)});
  }
  void Add(const char* name, std::string value, std::string origin) {
    list_.push_back({name, std::move(value), std::move(origin)});
  }
  std::vector<Input> Take() && { return std::move(list_); }

 private:
  const Request& request_;
  std::vector<Input> list_;
};

}  // namespace

std::vector<Input> InputsOf(const Job& job, const Request& request) {
  const nanochat::RunConfig& c = job.config;
  List list(request);
  const bool given = request.revision.has_value() || request.flags.revision.has_value();
  list.Add("revision",
           fmt::format("{} ({}, {})", c.revision.ShortCommit(), c.revision.Date(),
                       c.revision.family->name),
           request.revision ? "checkout"
           : given          ? request.flags_origin
                            : "assumed: the newest that is known");
  list.Add("stage", std::string(StageName(c.stage)),
           request.flags.stage ? request.flags_origin : "assumed");
  list.Add("depth", c.depth);
  list.Add("model-dim", Text(c.model.n_embd),
           fmt::format("computed: depth {} x aspect ratio {}", *c.depth, *c.aspect_ratio));
  list.Add("heads", Text(c.model.n_head), fmt::format("computed: of {}", c.model.head_dim));
  list.Add("max-seq-len", c.max_seq_len);
  list.Add("device-batch-size", c.device_batch_size);
  list.Add("total-batch-size", c.total_batch_size);
  list.Add("grad-accum-steps", Text(c.grad_accum_steps), "computed");
  list.Add("vocab-size", c.vocab_size);
  if (c.model.padded_vocab_size != c.model.vocab_size) {
    list.Add("padded-vocab-size", Text(c.model.padded_vocab_size), "computed");
  }
  if (c.revision.family->windows) list.Add("window-pattern", c.window_pattern);
  list.Add("world-size", c.world_size);
  list.Add("launcher", c.launcher);
  list.Add("dtype", c.dtype);
  list.Add("attention", c.attention);
  list.Add("fp8", c.fp8);
  if (*c.fp8) list.Add("fp8-recipe", c.fp8_recipe);
  list.Add("eval-every", c.eval_every);
  list.Add("core-metric-every", c.core_metric_every);
  list.Add("sample-every", c.sample_every);
  list.Add("resume-from-step", c.resume_from_step);
  list.Add("gpu", request.card ? request.card->name : "Hopper",
           request.card ? "given" : "assumed: no GPU was named");
  const std::string conf = FormatAllocConf(SettingsOf(job));
  list.Add("alloc-conf", conf.empty() ? "default" : conf, AllocConfOrigin(job, request));
  if (request.other_processes > Bytes(0)) {
    list.Add("other-processes", FormatBytes(request.other_processes), "given");
  }
  return std::move(list).Take();
}

}  // namespace vramcast::forecast
