#include "cli/replay_search.h"

#include <algorithm>
#include <tuple>

namespace vramcast::cli {

std::vector<Candidate> SearchSettings(const AllocatorSettings& base,
                                      const std::function<Run(const AllocatorSettings&)>& play) {
  std::vector<std::string> confs = {
      "",
      "expandable_segments:True",
      "max_split_size_mb:32",
      "max_split_size_mb:64",
      "max_split_size_mb:128",
      "max_split_size_mb:256",
      "max_split_size_mb:512",
      "roundup_power2_divisions:4",
      "roundup_power2_divisions:8",
      "roundup_power2_divisions:16",
      "large_segment_size_mb:64",
      "expandable_segments:True,roundup_power2_divisions:16",
      "max_split_size_mb:128,roundup_power2_divisions:16",
  };
  const std::string own = FormatAllocConf(base);
  if (std::find(confs.begin(), confs.end(), own) == confs.end()) confs.push_back(own);
  std::vector<Candidate> candidates;
  for (const std::string& conf : confs) {
    auto settings = ParseAllocConf(conf, base.torch);
    if (!settings) continue;
    settings->tie_rule = base.tie_rule;
    candidates.push_back({conf, play(*settings)});
  }
  const auto rank = [](const Candidate& c) {
    // The later it dies the better; worst is before the first event.
    int64_t event = c.run.oom ? c.run.oom->event : 0;
    if (event == kStartOfTrace) event = -1;
    return std::tuple(c.run.oom.has_value(), -event, c.run.peak.reserved,
                      c.run.statistics.num_alloc_retries);
  };
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](const Candidate& a, const Candidate& b) { return rank(a) < rank(b); });
  return candidates;
}

}  // namespace vramcast::cli
