// The rows of the catalogue, as the tables in cards_*.cc write them; catalogue.cc makes Cards of
// them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "gpu/card.h"

namespace vramcast::gpu {

// Sources. Totals in GiB are the two decimals that PyTorch prints as "total capacity" in public
// logs (Linux; on Windows and WSL it is the board's own total); board totals are nvidia-smi's
// memory.total in public logs; multiprocessors and L2 are cudaDeviceProp's, as printed by public
// device queries or, failing that, NVIDIA's data sheets.
struct CardRow {
  std::string_view name;     // as the driver reports it
  std::string_view aliases;  // further names, separated by '|'
  int sold_gb;
  int board_mib;
  // As printed; all 0: no print is known, the total is estimated from the board's.
  double total_gib, low_gib, high_gib;
  ComputeCapability capability;
  int multiprocessors;  // 0: unknown
  int l2_kib;           // 0: unknown
};

// Rows of one kind, in the order in which an ambiguous name prefers them.
std::span<const CardRow> DataCenterRows();
std::span<const CardRow> GeForceRows();
std::span<const CardRow> LaptopRows();
std::span<const CardRow> WorkstationRows();
std::span<const CardRow> JetsonRows();

struct CatalogueEntry {
  Card card;
  std::string_view aliases;
};
std::span<const CatalogueEntry> CatalogueEntries();

}  // namespace vramcast::gpu
