#include "forecast/resolve.h"

#include <algorithm>
#include <utility>

#include "nanochat/run_config.h"

namespace vramcast::forecast {
namespace {

// Beyond these no machine exists, and sizes could leave 64 bits.
constexpr int64_t kMostLayers = 1024;
constexpr int64_t kMostRanks = 65536;
constexpr double kMostBytes = 1e18;

}  // namespace

Result<Job> ResolveJob(const Request& request) {
  Result<nanochat::Revision> revision = nanochat::HeadRevision();
  if (request.revision) {
    revision = *request.revision;
  } else if (request.flags.revision) {
    revision = nanochat::FindRevision(*request.flags.revision);
  }
  if (!revision) return tl::make_unexpected(revision.error());
  std::optional<int> capability;
  if (request.card && request.card->capability) {
    capability = request.card->capability->major * 10 + request.card->capability->minor;
  }
  const nanochat::Stage stage = request.flags.stage.value_or(nanochat::Stage::kBase);
  Result<nanochat::RunConfig> config =
      nanochat::Resolve(request.flags, *revision, stage, capability);
  if (!config) return tl::make_unexpected(config.error());
  const nanochat::ModelDims& model = config->model;
  if (model.n_layer > kMostLayers) return UsageError("more than 1,024 layers");
  if (*config->world_size > kMostRanks) return UsageError("more than 65,536 ranks");
  const double tokens =
      static_cast<double>(*config->device_batch_size) * static_cast<double>(*config->max_seq_len);
  const double widest = static_cast<double>(
      std::max({model.padded_vocab_size, 40 * model.n_embd, *config->max_seq_len}));
  const double matrices = 12.0 * static_cast<double>(model.n_embd) *
                          static_cast<double>(model.n_embd) * static_cast<double>(model.n_layer);
  if (tokens * widest * static_cast<double>(model.n_layer + 8) > kMostBytes ||
      matrices > kMostBytes ||
      static_cast<double>(model.padded_vocab_size) * static_cast<double>(model.n_embd) >
          kMostBytes) {
    return UsageError("the configuration is beyond anything that a machine could hold");
  }
  Job job = MakeJob(std::move(*config), request.card, request.changes);
  if (request.allocator) job.environment = *request.allocator;
  return job;
}

}  // namespace vramcast::forecast
