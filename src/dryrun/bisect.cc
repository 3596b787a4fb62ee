#include "dryrun/bisect.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "command/launch.h"
#include "command/quote.h"

namespace vramcast::dryrun {
namespace {

constexpr int64_t kUsualBatch = 8;
constexpr int64_t kLargestBatch = 1 << 20;

// The flag of the command that says how many sequences a GPU takes at once.
std::optional<command::FlagUse> BatchFlag(const std::vector<std::string>& words) {
  for (const command::Launch& launch : command::ReadLaunches(words).launches) {
    const command::FlagUse* use = launch.FindRole(command::Role::kDeviceBatch);
    if (use == nullptr) use = launch.Find("device-batch-size");
    if (use != nullptr) return *use;
  }
  return std::nullopt;
}

bool IsNanochat(const std::vector<std::string>& words) {
  const auto launches = command::ReadLaunches(words).launches;
  return !launches.empty() && launches.front().is_nanochat();
}

// The last use counts, as for the programs themselves.
std::vector<std::string> WithBatch(std::vector<std::string> words, const command::FlagUse& flag,
                                   int64_t batch) {
  for (size_t i = words.size(); i-- > 0;) {
    if (words[i].starts_with(flag.spelling + "=")) {
      words[i] = fmt::format("{}={}", flag.spelling, batch);
      break;
    }
    if (words[i] == flag.spelling && i + 1 < words.size()) {
      words[i + 1] = std::to_string(batch);
      break;
    }
  }
  return words;
}

}  // namespace

Result<std::vector<Trial>> Search(int64_t first, int64_t largest, bool powers_only,
                                  const RunTrial& run) {
  std::vector<Trial> trials;
  const int64_t limit = largest > 0 ? largest : kLargestBatch;
  int64_t lives = 0;
  int64_t dies = limit + 1;
  int64_t next = std::clamp<int64_t>(first, 1, limit);
  while (true) {
    const auto trial = run(next);
    if (!trial) return tl::make_unexpected(trial.error());
    trials.push_back(*trial);
    (trial->fits ? lives : dies) = next;
    if (lives == 0) {
      if (dies == 1) break;
      next = dies / 2;
    } else if (dies > limit && lives < limit) {
      next = std::min(lives * 2, limit);
    } else if (!powers_only && dies - lives > 1) {
      next = lives + (dies - lives) / 2;
    } else if (powers_only && lives * 2 < dies && lives * 2 <= limit) {
      next = lives * 2;
    } else {
      break;
    }
  }
  return trials;
}

Result<LargestBatch> FindLargestBatch(const Request& request,
                                      const std::function<void(std::string_view)>& progress) {
  const auto flag = BatchFlag(request.command);
  if (!flag) {
    return UsageError(
        "the command has no flag for the device batch size: name it, as in "
        "--device-batch-size=8, and it will be varied");
  }
  const std::optional<int64_t> named =
      flag->value && flag->value->text ? ParseInt(*flag->value->text) : std::nullopt;
  const RunTrial run = [&](int64_t batch) -> Result<Trial> {
    progress(fmt::format("{} {}", flag->spelling, batch));
    Request trial = request;
    trial.command = WithBatch(request.command, *flag, batch);
    const auto result = Execute(trial, progress);
    if (!result) return tl::make_unexpected(result.error());
    Trial answer{batch, true, {}};
    for (const RankResult& rank : result->ranks) {
      if (rank.oom) answer.fits = false;
      if (!rank.oom && rank.exit_code != 0) {
        return MachineError(
            fmt::format("with {} {} the program ended with exit code {}, not for "
                        "want of GPU memory",
                        flag->spelling, batch, rank.exit_code));
      }
      answer.peak_device = std::max(answer.peak_device, rank.peak_device);
    }
    return answer;
  };
  auto trials = Search(named.value_or(kUsualBatch), 0, IsNanochat(request.command), run);
  if (!trials) return tl::make_unexpected(trials.error());
  LargestBatch largest;
  largest.trials = std::move(*trials);
  for (const Trial& trial : largest.trials) {
    if (trial.fits) largest.batch = std::max(largest.batch, trial.batch);
  }
  if (largest.batch > 0) {
    largest.command = command::QuoteCommand(WithBatch(request.command, *flag, largest.batch));
  }
  return largest;
}

}  // namespace vramcast::dryrun
