#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "gpu/card.h"
#include "gpu/card_rows.h"

namespace vramcast::gpu {
namespace {

using namespace literals;  // NOLINT: sizes

struct Architecture {
  ComputeCapability capability;
  int shared_per_multiprocessor_kib;
  int shared_per_block_kib;
  int threads_per_multiprocessor;
};

// CUDA C++ Programming Guide 12.8 and 13.0, "Technical Specifications per Compute Capability".
constexpr std::array kArchitectures = {
    Architecture{{3, 7}, 112, 48, 2048},   Architecture{{5, 2}, 96, 48, 2048},
    Architecture{{5, 3}, 64, 48, 2048},    Architecture{{6, 0}, 64, 48, 2048},
    Architecture{{6, 1}, 96, 48, 2048},    Architecture{{6, 2}, 64, 48, 2048},
    Architecture{{7, 0}, 96, 96, 2048},    Architecture{{7, 2}, 96, 96, 2048},
    Architecture{{7, 5}, 64, 64, 1024},    Architecture{{8, 0}, 164, 163, 2048},
    Architecture{{8, 6}, 100, 99, 1536},   Architecture{{8, 7}, 164, 163, 1536},
    Architecture{{8, 9}, 100, 99, 1536},   Architecture{{9, 0}, 228, 227, 2048},
    Architecture{{10, 0}, 228, 227, 2048}, Architecture{{10, 3}, 228, 227, 2048},
    Architecture{{11, 0}, 228, 227, 1536}, Architecture{{12, 0}, 100, 99, 1536},
    Architecture{{12, 1}, 100, 99, 1536},
};

Bytes FromGib(double gib) { return Bytes(std::llround(gib * (1 << 30))); }

Card MakeCard(const CardRow& row, CardKind kind) {
  Card card{.name = std::string(row.name), .kind = kind, .capability = row.capability};
  if (row.board_mib > 0) card.board_total = Bytes(int64_t{row.board_mib} << 20);
  card.sold_gb = row.sold_gb;
  if (row.total_gib > 0) {
    card.total = FromGib(row.total_gib);
    card.total_low = FromGib(row.low_gib);
    card.total_high = FromGib(row.high_gib);
  } else {
    card.estimated = true;
    card.total = UsualTotal(*card.board_total);
    card.total_low = card.total - *card.board_total / 200;
    card.total_high = card.total + 140_MiB + *card.board_total / 200;
  }
  if (row.multiprocessors > 0) card.multiprocessors = row.multiprocessors;
  if (row.l2_kib > 0) card.l2 = Bytes(int64_t{row.l2_kib} << 10);
  for (const Architecture& arch : kArchitectures) {
    if (arch.capability != row.capability) continue;
    card.shared_per_multiprocessor = Bytes(int64_t{arch.shared_per_multiprocessor_kib} << 10);
    card.shared_per_block = Bytes(int64_t{arch.shared_per_block_kib} << 10);
    card.threads_per_multiprocessor = arch.threads_per_multiprocessor;
  }
  card.integrated = kind == CardKind::kJetson || !card.board_total;
  return card;
}

}  // namespace

std::span<const CatalogueEntry> CatalogueEntries() {
  static const std::vector<CatalogueEntry> entries = [] {
    std::vector<CatalogueEntry> made;
    const auto add = [&made](std::span<const CardRow> rows, CardKind kind) {
      for (const CardRow& row : rows) made.push_back({MakeCard(row, kind), row.aliases});
    };
    add(DataCenterRows(), CardKind::kDataCenter);
    add(GeForceRows(), CardKind::kGeForce);
    add(WorkstationRows(), CardKind::kWorkstation);
    add(LaptopRows(), CardKind::kLaptop);
    add(JetsonRows(), CardKind::kJetson);
    return made;
  }();
  return entries;
}

std::span<const Card> Catalogue() {
  static const std::vector<Card> cards = [] {
    std::vector<Card> made;
    for (const CatalogueEntry& entry : CatalogueEntries()) made.push_back(entry.card);
    return made;
  }();
  return cards;
}

// A board without a printed total: what the driver keeps grows with the board. Fitted to the
// printed totals of the other rows: about 300 MiB + 0.58 % with drivers since 2024, some 130 MiB
// less before.
Bytes UsualTotal(Bytes board) {
  return board - 300_MiB - Bytes(static_cast<int64_t>(static_cast<double>(board.count()) * 0.0058));
}

std::optional<Card> CardForDriver(std::string_view name, std::optional<Bytes> board_total) {
  // Drivers before 470 left out "NVIDIA " where newer ones print it, and some print it for Tesla.
  const auto bare = [](std::string_view text) {
    return text.starts_with("NVIDIA ") ? text.substr(7) : text;
  };
  const Card* best = nullptr;
  int64_t best_distance = 0;
  for (const Card& card : Catalogue()) {
    if (bare(card.name) != bare(name)) continue;
    const Bytes size = card.board_total.value_or(card.total);
    const int64_t distance = board_total ? std::llabs((size - *board_total).count()) : 0;
    if (best == nullptr || distance < best_distance) best = &card, best_distance = distance;
  }
  if (best == nullptr) return std::nullopt;
  return *best;
}

std::string Format(ComputeCapability capability) {
  return std::to_string(capability.major) + "." + std::to_string(capability.minor);
}

}  // namespace vramcast::gpu
