// A Card is a model of GPU: what its driver says it has. The catalogue stands for machines that are
// not here, and completes what a driver does not tell. Data in cards.cc, one line a card.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace vramcast::gpu {

// 8.6 is {8, 6}.
struct ComputeCapability {
  int major = 0;
  int minor = 0;
  auto operator<=>(const ComputeCapability&) const = default;
};
std::string Format(ComputeCapability capability);

enum class CardKind : uint8_t { kDataCenter, kWorkstation, kGeForce, kLaptop, kJetson };

struct Card {
  std::string name;  // as the driver reports it: "NVIDIA A100-SXM4-40GB"

  // What a CUDA program sees: the total of cudaMemGetInfo, PyTorch's total_memory, the "total
  // capacity" of an out-of-memory message. Drivers differ by some hundred MiB for one card: `total`
  // is the usual value, `total_low` and `total_high` what was seen (or is likely, if `estimated`).
  Bytes total;
  Bytes total_low;
  Bytes total_high;
  bool estimated = false;  // no driver's output is known for this card: derived from its siblings

  // Unknown for a card that is only a size ("24GiB").
  std::optional<Bytes> board_total;  // nvidia-smi's memory.total: includes what the driver keeps
  std::optional<int> sold_gb;        // the number on the box
  std::optional<CardKind> kind;
  std::optional<ComputeCapability> capability;
  std::optional<int> multiprocessors;
  std::optional<Bytes> shared_per_multiprocessor;
  std::optional<Bytes> shared_per_block;  // with opt-in (sharedMemPerBlockOptin)
  std::optional<int> threads_per_multiprocessor;
  std::optional<Bytes> l2;

  bool integrated = false;  // memory shared with the CPU (Jetson)
};

struct CardMatch {
  Card card;
  // What the reader should know: which variant was taken out of several, or that the text gave an
  // unusual size. Empty if there is nothing to say.
  std::vector<std::string> notes;
};

// The card that `text` means: a name ("RTX 3090", "a100-40gb", "NVIDIA H100 80GB HBM3", "8xH100"),
// a name within a longer text, the size a card is sold as ("24GB": about what such cards report),
// or an exact size ("24GiB", "25769803776"). A usage error names the nearest card if there is one.
Result<CardMatch> FindCard(std::string_view text);

// The card that a driver means by `name`; where several variants share a name, the one nearest to
// `board_total`. Nothing if the catalogue does not know it.
std::optional<Card> CardForDriver(std::string_view name, std::optional<Bytes> board_total);

// What a CUDA program usually sees of a board of which only nvidia-smi's memory.total is known.
Bytes UsualTotal(Bytes board_total);

// Every card known, in the order of the tables.
std::span<const Card> Catalogue();

}  // namespace vramcast::gpu
