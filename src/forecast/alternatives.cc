#include "forecast/alternatives.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "forecast/code_remedies.h"
#include "forecast/resolve.h"

namespace vramcast::forecast {
namespace {

using Kind = Alternative::Kind;

constexpr int64_t kShortestSequence = 256;
constexpr int64_t kMostRanks = 64;
// Cards that can be bought or rented, by what they hold.
constexpr std::array<std::string_view, 9> kCards = {"RTX 4060 Ti 16GB", "RTX 3090",  "RTX 5090",
                                                    "A100-40GB",        "RTX A6000", "A100-80GB",
                                                    "H100 SXM",         "H200",      "B200"};

class Search {
 public:
  explicit Search(const Request& request) : request_(request) {}

  std::vector<Alternative> Run() {
    const Result<Job> job = ResolveJob(request_);
    if (!job) return {};
    Shorten(*job->config.max_seq_len);
    Shrink(job->config.model.n_layer);
    Spread(*job->config.world_size);
    OtherCards();
    ChangeCode();
    return std::move(found_);
  }

 private:
  static bool Good(const Result<Forecast>& forecast) {
    return forecast && forecast->fits.value_or(false) && !forecast->refused;
  }

  void Take(Kind kind, std::string description, const Request& request, Forecast forecast) {
    Alternative alternative;
    alternative.kind = kind;
    alternative.description = std::move(description);
    alternative.flags = request.flags;
    if (kind == Kind::kCard) alternative.card = request.card;
    alternative.forecast = std::move(forecast);
    found_.push_back(std::move(alternative));
  }

  void Shorten(int64_t length) {
    for (int64_t shorter = length / 2; shorter >= kShortestSequence; shorter /= 2) {
      Request request = request_;
      request.flags.max_seq_len = shorter;
      Result<Forecast> forecast = Make(request);
      if (!Good(forecast)) continue;
      Take(Kind::kSequenceLength, "--max-seq-len=" + std::to_string(shorter), request,
           std::move(*forecast));
      return;
    }
  }

  void Shrink(int64_t depth) {
    int64_t low = 0, high = depth;  // low fits (or is none), high does not
    std::optional<Forecast> best;
    while (high - low > 1) {
      const int64_t middle = (low + high) / 2;
      Request request = request_;
      request.flags.depth = middle;
      Result<Forecast> forecast = Make(request);
      if (Good(forecast)) {
        low = middle;
        best = std::move(*forecast);
      } else {
        high = middle;
      }
    }
    if (!best) return;
    Request request = request_;
    request.flags.depth = low;
    Take(Kind::kDepth, "--depth=" + std::to_string(low), request, std::move(*best));
  }

  void Spread(int64_t world) {
    for (int64_t more = std::max<int64_t>(2, world * 2); more <= kMostRanks; more *= 2) {
      Request request = request_;
      request.flags.world_size = more;
      request.flags.launcher = nanochat::Launcher::kTorchrun;
      Result<Forecast> forecast = Make(request);
      if (!Good(forecast)) continue;
      Take(Kind::kWorldSize, std::to_string(more) + " GPUs of this kind", request,
           std::move(*forecast));
      return;
    }
  }

  void OtherCards() {
    const Bytes total = request_.total.value_or(request_.card ? request_.card->total : Bytes(0));
    for (const std::string_view name : kCards) {
      const Result<gpu::CardMatch> match = gpu::FindCard(name);
      if (!match || match->card.total <= total) continue;
      Request request = request_;
      request.card = match->card;
      request.total.reset();
      request.other_processes = Bytes(0);
      Result<Forecast> forecast = Make(request);
      if (!Good(forecast)) continue;
      Take(Kind::kCard, match->card.name, request, std::move(*forecast));
      return;
    }
  }

  static Kind KindOf(const CodeRemedy& remedy) {
    switch (remedy.patches.front().change) {
      case nanochat::CodeChange::kCheckpoint:
        return Kind::kCheckpointing;
      case nanochat::CodeChange::kChunkedLoss:
        return Kind::kChunkedLoss;
      case nanochat::CodeChange::kReleaseStaging:
        return Kind::kReleaseStaging;
      case nanochat::CodeChange::kBf16States:
        break;
    }
    return Kind::kBf16States;
  }

  // Listed whether or not it fits: what it saves is the news.
  void ChangeCode() {
    for (CodeRemedy& remedy : CodeRemedies(request_)) {
      Alternative alternative;
      alternative.kind = KindOf(remedy);
      alternative.description = std::move(remedy.description);
      alternative.flags = request_.flags;
      alternative.needs_code_change = true;
      if (remedy.proven) alternative.patch = std::move(remedy.names);
      alternative.largest_batch = remedy.largest_batch;
      alternative.forecast = std::move(remedy.forecast);
      found_.push_back(std::move(alternative));
    }
  }

  const Request& request_;
  std::vector<Alternative> found_;
};

}  // namespace

std::vector<Alternative> AlternativesTo(const Request& smallest) { return Search(smallest).Run(); }

}  // namespace vramcast::forecast
