#include "crashlog/nanochat_line.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "crashlog/size_text.h"

namespace vramcast::crashlog {
namespace {

using NumberField = std::optional<int64_t> NanochatFacts::*;

// "65,536" or "65_536".
std::optional<int64_t> Number(std::string text) {
  std::erase_if(text, [](char c) { return c == ',' || c == '_'; });
  return ParseInt(text);
}

template <typename T>
void Set(std::optional<T>& field, std::optional<T> value, bool frozen) {
  if (value && !(frozen && field)) {
    field = std::move(value);
  }
}

struct Name {
  std::string_view name;
  NumberField field;
};
constexpr std::array kNames = {
    Name{"depth", &NanochatFacts::depth},
    Name{"n_layer", &NanochatFacts::depth},
    Name{"num_layers", &NanochatFacts::depth},
    Name{"model_dim", &NanochatFacts::model_dim},
    Name{"n_embd", &NanochatFacts::model_dim},
    Name{"num_heads", &NanochatFacts::num_heads},
    Name{"n_head", &NanochatFacts::num_heads},
    Name{"num_kv_heads", &NanochatFacts::num_kv_heads},
    Name{"n_kv_head", &NanochatFacts::num_kv_heads},
    Name{"head_dim", &NanochatFacts::head_dim},
    Name{"vocab_size", &NanochatFacts::vocab_size},
    Name{"max_seq_len", &NanochatFacts::max_seq_len},
    Name{"sequence_len", &NanochatFacts::max_seq_len},
    Name{"device_batch_size", &NanochatFacts::device_batch_size},
    Name{"total_batch_size", &NanochatFacts::total_batch_size},
};

// "depth: 27", "n_layer": 20, depth=20, "Overriding: depth = 20".
void ReadNamed(const std::string& line, bool frozen, NanochatFacts& facts) {
  if (!Contains(line, "depth") && !Contains(line, "n_") && !Contains(line, "num_") &&
      !Contains(line, "_size") && !Contains(line, "_dim") && !Contains(line, "_len")) {
    return;
  }
  static const RE2 kPair(
      R"re((?:^|[\s"'{,(])(depth|n_layer|num_layers|model_dim|n_embd|num_heads|n_head|num_kv_heads|n_kv_head|head_dim|vocab_size|max_seq_len|sequence_len|device_batch_size|total_batch_size)["']?\s*[:=]\s*(\d[\d,_]{0,18}))re");
  re2::StringPiece rest(line);
  std::string name, value;
  while (RE2::FindAndConsume(&rest, kPair, &name, &value)) {
    while (!value.empty() && (value.back() == ',' || value.back() == '_')) {
      value.pop_back();
    }
    const auto row =
        std::find_if(kNames.begin(), kNames.end(), [&](const Name& n) { return n.name == name; });
    if (row != kNames.end()) {
      Set(facts.*(row->field), Number(value), frozen);
    }
  }
}

void ReadSentences(const std::string& line, bool frozen, NanochatFacts& facts) {
  struct Sentence {
    std::string_view key;
    const RE2* pattern;
    NumberField field;
  };
  static const std::array kSentences = {
      Sentence{"Vocab size:", new RE2(R"(Vocab size: ([\d,]+))"), &NanochatFacts::vocab_size},
      Sentence{"Number of parameters:", new RE2(R"(Number of parameters: ([\d,]+))"),
               &NanochatFacts::parameters},
      Sentence{"total  ", new RE2(R"(^total\s{3,}: ([\d,]+)$)"), &NanochatFacts::parameters},
      Sentence{"Total batch size", new RE2(R"(Total batch size ([\d,]+) =>)"),
               &NanochatFacts::total_batch_size},
      Sentence{"optimal batch size", new RE2(R"(optimal batch size: ([\d,]+) tokens)"),
               &NanochatFacts::total_batch_size},
      Sentence{"accumulation steps:", new RE2(R"(gradient accumulation steps: ([\d,]+))"),
               &NanochatFacts::grad_accum_steps},
      Sentence{"world size:", new RE2(R"((?i)(?:distributed|DDP) world size: (\d{1,9}))"),
               &NanochatFacts::world_size},
      Sentence{"per-rank", new RE2(R"(world_size[=: ]+(\d{1,9}))"), &NanochatFacts::world_size},
  };
  std::string value;
  for (const Sentence& s : kSentences) {
    if (Contains(line, s.key) && RE2::PartialMatch(line, *s.pattern, &value)) {
      Set(facts.*s.field, Number(value), frozen);
    }
  }
  static const RE2 kMicroBatch(R"(micro-batch / rank: (\d{1,9}) x (\d{1,9}) =)");
  std::string batch, length;
  if (Contains(line, "micro-batch / rank") &&
      RE2::PartialMatch(line, kMicroBatch, &batch, &length)) {
    Set(facts.device_batch_size, ParseInt(batch), frozen);
    Set(facts.max_seq_len, ParseInt(length), frozen);
  }
  static const RE2 kWindow(R"re(window_pattern["']?\s*[:=]\s*["']?([SL]{1,64})\b)re");
  if (Contains(line, "window_pattern") && RE2::PartialMatch(line, kWindow, &value)) {
    Set(facts.window_pattern, std::optional(value), frozen);
  }
  static const RE2 kDtype(R"(COMPUTE_DTYPE: (?:torch\.)?(\w{1,20}))");
  if (Contains(line, "COMPUTE_DTYPE") && RE2::PartialMatch(line, kDtype, &value)) {
    Set(facts.compute_dtype, std::optional(value), frozen);
  }
  static const RE2 kCommit(R"((?i)^\W*(?:git )?commit(?: hash)?:?\s+`?([0-9a-f]{7,40})\b)");
  if (Contains(line, "ommit") && RE2::PartialMatch(line, kCommit, &value)) {
    Set(facts.commit, std::optional(value), frozen);
  }
  static const RE2 kScript(
      R"(\bscripts[./](base_train|mid_train|chat_sft|chat_rl|base_eval|base_loss|chat_eval|chat_cli|chat_web|tok_train|tok_eval)\b)");
  if (Contains(line, "scripts") && RE2::PartialMatch(line, kScript, &value)) {
    Set(facts.script, std::optional("scripts." + value), frozen);
  }
  // The sections of nanochat's own report: a line of their own ("## " was taken off before).
  static const RE2 kSection(R"((?:## )?(Base model training|Midtraining|Chat SFT|Chat RL)\s*)");
  if (line.size() < 32 && RE2::FullMatch(line, kSection, &value)) {
    const std::string script = value == "Base model training" ? "base_train"
                               : value == "Midtraining"       ? "mid_train"
                               : value == "Chat SFT"          ? "chat_sft"
                                                              : "chat_rl";
    Set(facts.script, std::optional("scripts." + script), frozen);
  }
}

void ReadPeak(const std::string& line, LogReport& report) {
  constexpr size_t kMostPeaks = 256;
  if (!Contains(line, "Peak memory usage")) return;
  static const RE2 kPeak(R"(Peak memory usage: ([\d.]{1,20})\s?([KMG]i?B))");
  std::string value, unit;
  if (!RE2::PartialMatch(line, kPeak, &value, &unit)) return;
  const auto bytes = ReadSize(value, unit);
  if (!bytes) return;
  NanochatFacts& facts = report.nanochat;
  if (!facts.peak_memory || *bytes > *facts.peak_memory) facts.peak_memory = bytes;
  if (report.peaks.size() < kMostPeaks) report.peaks.push_back({*bytes, facts, {}});
}

void ReadGpu(const std::string& line, LogReport& report) {
  if (report.gpu_name || (!Contains(line, "NVIDIA") && !Contains(line, "Tesla") &&
                          !Contains(line, "GeForce") && !Contains(line, "AMD"))) {
    return;
  }
  static const RE2 kName(
      R"(\b((?:NVIDIA |AMD )?(?:Tesla |GeForce |Quadro |Instinct |TITAN |RTX |GTX |Radeon )*(?:[A-Z]{1,3} ?\d{2,4}[A-Za-z]{0,3}|[VAHBTLP]\d{2,3}s?|MI\d{3}X?|GH200|GB200)(?:[ -](?:SUPER|Ti|Laptop GPU|SXM\d?|PCIe|PCIE|HBM3e?|NVL|Ada Generation|Blackwell \w+|D|\d+ ?GB|\d+GiB))*))");
  std::string name;
  if (RE2::PartialMatch(line, kName, &name) && name.size() > 5 && !Contains(line, "NVIDIA-SMI")) {
    report.gpu_name = name;
  }
}

}  // namespace

void ReadSettings(const std::string& line, bool frozen, LogReport& report) {
  ReadNamed(line, frozen, report.nanochat);
  ReadSentences(line, frozen, report.nanochat);
  ReadPeak(line, report);
  ReadGpu(line, report);
  if (report.gpu_name && !report.nanochat.gpu_name) {
    report.nanochat.gpu_name = report.gpu_name;
  }
  // The hint of an out-of-memory message names a setting that is not made.
  static const RE2 kAllocConf(
      R"re((PYTORCH_(?:CUDA_|HIP_)?ALLOC_CONF)["']?\]?\s*[=:,]\s*["']?([a-z_]+:[\w.:,\[\]>-]+))re");
  std::string name, value;
  if (Contains(line, "ALLOC_CONF") && !Contains(line, "try setting") &&
      report.allocator_settings.size() < 64 && RE2::PartialMatch(line, kAllocConf, &name, &value)) {
    std::string setting = name + "=" + value;
    auto& all = report.allocator_settings;
    if (std::find(all.begin(), all.end(), setting) == all.end()) {
      all.push_back(std::move(setting));
    }
  }
  if (!report.torch_version && (Contains(line, "orch"))) {
    static const RE2 kVersion(
        R"re((?i)\b(?:pytorch|torch)(?:[ _-]?version)?(?:==|[-_/ :=]{1,3}|['"]: ?['"])v?(\d\.\d{1,2}\.\d{1,2}(?:\+\w+)?))re");
    if (RE2::PartialMatch(line, kVersion, &value)) {
      report.torch_version = value;
    }
  }
  static const RE2 kDone(
      R"((?i)\b(?:done with training|training (?:is )?(?:done|finished|completed?)|finished training)\b)");
  if ((Contains(line, "rain")) && RE2::PartialMatch(line, kDone)) {
    report.training_finished = true;
  }
}

}  // namespace vramcast::crashlog
