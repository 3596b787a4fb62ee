#include "dryrun/bisect.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
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

Result<std::vector<Trial>> Search(std::span<const int64_t> sizes, int64_t first,
                                  const RunTrial& run) {
  // Places in `sizes`; without them a size is its own place, counted from 1.
  const bool any = sizes.empty();
  const int64_t below = any ? 0 : -1;
  const int64_t above = any ? kLargestBatch + 1 : std::ssize(sizes);
  std::vector<Trial> trials;
  int64_t lives = below;
  int64_t dies = above;
  int64_t at =
      any ? first : std::upper_bound(sizes.begin(), sizes.end(), first) - sizes.begin() - 1;
  at = std::clamp(at, below + 1, above - 1);
  for (int64_t stride = 1; dies - lives > 1;) {
    const auto trial = run(any ? at : sizes[static_cast<size_t>(at)]);
    if (!trial) return tl::make_unexpected(trial.error());
    trials.push_back(*trial);
    if (trial->interrupted) break;
    (trial->fits ? lives : dies) = at;
    if (lives != below && dies != above) {
      at = lives + (dies - lives) / 2;
      continue;
    }
    if (any) stride = trial->fits ? lives : dies - dies / 2;  // doubles or halves
    at = std::clamp(trial->fits ? lives + stride : dies - stride, below + 1, above - 1);
    if (!any) stride *= 2;
  }
  return trials;
}

Result<LargestBatch> FindLargestBatch(const Request& request, const BatchSearch& search,
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
    trial.command.insert(trial.command.end(), search.append.begin(), search.append.end());
    const auto result = Execute(trial, progress);
    if (!result) return tl::make_unexpected(result.error());
    Trial answer{batch, true, {}, {}, false};
    for (const RankResult& rank : result->ranks) {
      if (rank.interrupted) {
        answer.fits = false;
        answer.interrupted = true;
        return answer;
      }
      if (rank.oom) answer.fits = false;
      if (!rank.oom && rank.exit_code != 0) {
        return MachineError(
            fmt::format("with {} {} the program ended with exit code {}, not for "
                        "want of GPU memory",
                        flag->spelling, batch, rank.exit_code));
      }
      answer.peak_allocated = std::max(answer.peak_allocated, rank.peak_allocated);
      answer.peak_device = std::max(answer.peak_device, rank.peak_device);
    }
    return answer;
  };
  auto trials = Search(search.sizes, named.value_or(kUsualBatch), run);
  if (!trials) return tl::make_unexpected(trials.error());
  LargestBatch largest;
  largest.trials = std::move(*trials);
  largest.interrupted = !largest.trials.empty() && largest.trials.back().interrupted;
  if (largest.interrupted) largest.trials.pop_back();
  for (const Trial& trial : largest.trials) {
    if (trial.fits) largest.batch = std::max(largest.batch, trial.batch);
  }
  if (largest.batch > 0) {
    largest.command = command::QuoteCommand(WithBatch(request.command, *flag, largest.batch));
  }
  return largest;
}

}  // namespace vramcast::dryrun
