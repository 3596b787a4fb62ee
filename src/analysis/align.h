// Two runs of one program make the same allocations in the same order but for a few that only one
// of them makes. This finds which is which.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace vramcast {

// Pairs (i, j), rising in both, of items of two sequences of `n` and `m` items for which `same(i,
// j)` holds: as many as there can be (Myers, "An O(ND) difference algorithm", 1986). Nothing if
// more than `most_edits` items are left over.
std::optional<std::vector<std::pair<uint32_t, uint32_t>>> Align(
    uint32_t n, uint32_t m, const std::function<bool(uint32_t, uint32_t)>& same,
    uint32_t most_edits);

}  // namespace vramcast
