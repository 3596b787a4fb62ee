#include "nanochat/launches.h"

#include "base/text.h"
#include "nanochat/flags.h"
#include "nanochat/tables.h"

namespace vramcast::nanochat {

std::vector<UpstreamLaunch> LaunchesOf(const Revision& revision, std::string_view name) {
  std::vector<UpstreamLaunch> launches;
  int64_t since = -1;
  for (const std::string_view line : Split(LaunchTable(), '\n')) {
    const std::vector<std::string_view> cells = Split(line, '\t');
    if (cells.size() < 4 || cells[0] != name) continue;
    const int64_t time = ParseInt(cells[1]).value_or(0);
    if (time > revision.time) break;
    if (time != since) launches.clear();
    since = time;
    const auto stage = StageOf(cells[3]);
    if (!stage) continue;
    UpstreamLaunch launch;
    launch.script = cells[3];
    launch.stage = *stage;
    launch.processes = ParseInt(cells[2]).value_or(0);
    if (cells.size() > 4) {
      for (const std::string_view flag : Split(cells[4], ' ')) {
        if (!flag.empty()) launch.flags.push_back(flag);
      }
    }
    launches.push_back(std::move(launch));
  }
  return launches;
}

}  // namespace vramcast::nanochat
