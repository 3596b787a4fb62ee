#include "cli/inheritance.h"

#include <string_view>
#include <utility>

#include "command/dialect.h"
#include "nanochat/flags.h"

namespace vramcast::cli {
namespace {

using nanochat::Flags;

// The flags of the model: a stage that loads a checkpoint has them from the run that made it.
template <typename Each>
void ForModelFlags(Each&& each) {
  each("depth", &Flags::depth);
  each("aspect_ratio", &Flags::aspect_ratio);
  each("head_dim", &Flags::head_dim);
  each("max_seq_len", &Flags::max_seq_len);
  each("window_pattern", &Flags::window_pattern);
  each("vocab_size", &Flags::vocab_size);
}

template <typename Each>
void ForBatchFlags(Each&& each) {
  each("device_batch_size", &Flags::device_batch_size);
  each("total_batch_size", &Flags::total_batch_size);
}

}  // namespace

Inheritance::Inheritance(nanochat::Revision revision, Flags known)
    : revision_(std::move(revision)), flags_(std::move(known)) {}

void Inheritance::Learn(const command::Launch& launch) {
  if (const auto size = command::TokenizerVocabulary(launch)) flags_.vocab_size = *size;
}

void Inheritance::Fill(const command::Launch& launch, Flags* flags) const {
  const std::string module = command::ModuleOf(launch.program);
  const bool loads = launch.stage != nanochat::Stage::kBase;
  ForModelFlags([&](std::string_view name, auto field) {
    if (flags->*field || !(flags_.*field)) return;
    const auto spec = nanochat::FindFlag(revision_, module, name);
    const bool from_checkpoint = loads && (!spec || spec->default_value.empty());
    if (name == "vocab_size" || from_checkpoint) flags->*field = flags_.*field;
  });
  if (!loads) return;
  ForBatchFlags([&](std::string_view name, auto field) {
    const auto spec = nanochat::FindFlag(revision_, module, name);
    if (!(flags->*field) && spec && spec->default_value.empty()) flags->*field = flags_.*field;
  });
}

void Inheritance::Train(const Flags& flags, int64_t device_batch_size,
                        std::optional<int64_t> total_batch_size) {
  // One that was not given has its default again, not what an earlier training was given. The
  // vocabulary is the tokenizer's.
  const auto vocabulary = flags.vocab_size ? flags.vocab_size : flags_.vocab_size;
  ForModelFlags([&](std::string_view, auto field) { flags_.*field = flags.*field; });
  flags_.vocab_size = vocabulary;
  flags_.device_batch_size = device_batch_size;
  flags_.total_batch_size = total_batch_size;
}

}  // namespace vramcast::cli
