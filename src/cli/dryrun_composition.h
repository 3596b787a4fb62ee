// What a dry run's peak was made of: by kind of memory, and by the line of Python that asked for
// it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "analysis/moment.h"
#include "dryrun/result.h"
#include "report/document.h"

namespace vramcast::cli {

struct Composition {
  Bytes allocated;  // at the recording's own peak
  Phase phase = Phase::kUnknown;
  std::vector<Share> categories;  // largest first
  std::vector<Share> lines;       // largest first
};

// Takes the recording apart; nothing if the rank has none.
std::optional<Composition> Compose(dryrun::RankResult* rank);

void AddComposition(const Composition& composition, Bytes peak, size_t top, Document* document);
// `composition` and `lines` of one rank.
void AddComposition(const Composition& composition, size_t top, nlohmann::json* rank);

}  // namespace vramcast::cli
