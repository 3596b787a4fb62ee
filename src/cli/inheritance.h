// What a launch takes from those before it in the same script: its vocabulary from the tokenizer's
// training, and, for a stage that loads a checkpoint, what base training wrote into it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "command/launch.h"
#include "nanochat/config.h"
#include "nanochat/revision.h"

namespace vramcast::cli {

class Inheritance {
 public:
  // `known`: what is known of the model before any launch.
  explicit Inheritance(nanochat::Revision revision, nanochat::Flags known = {});

  // Of a launch that is none of nanochat's stages: scripts.tok_train decides the vocabulary.
  void Learn(const command::Launch& launch);
  // Sets what `flags` of a launch leave out and come from before. A flag that its script has with a
  // default of its own is not among them: then the default counts; nor is one that the script
  // lacks where it is about batches: the checkpoint's is not asked then.
  void Fill(const command::Launch& launch, nanochat::Flags* flags) const;
  // Of a base training, with its batch sizes as nanochat resolves and saves them.
  void Train(const nanochat::Flags& flags, int64_t device_batch_size,
             std::optional<int64_t> total_batch_size);

 private:
  nanochat::Revision revision_;
  nanochat::Flags flags_;
};

}  // namespace vramcast::cli
