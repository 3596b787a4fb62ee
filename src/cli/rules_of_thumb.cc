#include "cli/rules_of_thumb.h"

#include <fmt/format.h>

#include "base/text.h"

namespace vramcast::cli {
namespace {

std::optional<int64_t> InputOf(const forecast::Forecast& forecast, std::string_view name) {
  for (const forecast::Input& input : forecast.inputs) {
    if (input.name == name) return ParseInt(input.value);
  }
  return {};
}

Bytes InCategory(const forecast::Forecast& forecast, Category category) {
  Bytes sum;
  for (const forecast::CategoryBytes& part : forecast.composition) {
    if (part.category == category) sum += part.bytes;
  }
  return sum;
}

std::string Gib(double bytes) { return fmt::format("{:.2f} GiB", bytes / (1 << 30)); }
std::string Gib(Bytes bytes) { return fmt::format("{:.2f} GiB", bytes.gib()); }
std::string Ratio(double said, double truth) {
  return truth > 0 ? fmt::format("{:+.0f} %", (said / truth - 1) * 100) : "";
}

}  // namespace

void AddRulesOfThumb(const forecast::Forecast& forecast, Document* document) {
  const auto depth = InputOf(forecast, "depth");
  const auto width = InputOf(forecast, "model-dim");
  const auto batch = InputOf(forecast, "device-batch-size");
  const auto seq = InputOf(forecast, "max-seq-len");
  if (!depth || !width || !batch || !seq) return;
  const double d = static_cast<double>(*depth), c = static_cast<double>(*width);
  const double parameters = 12 * c * c;  // 12 d^2 a^2 with C = d a
  const double tokens = static_cast<double>(*batch) * static_cast<double>(*seq);
  const double activations = tokens * c * d * 10;
  const auto bytes = [](Bytes b) { return static_cast<double>(b.count()); };

  document->Add(Title{"Rules of thumb beside it"});
  Table table;
  table.header = {"rule", "says", "in truth", "error"};
  table.right_aligned = {false, true, true, true};
  const double model = static_cast<double>(forecast.parameters);
  table.rows.push_back({"12 d\u00b2 a\u00b2 parameters", fmt::format("{:.0f} M", parameters / 1e6),
                        fmt::format("{:.0f} M", model / 1e6), Ratio(parameters, model)});
  const auto row = [&](const char* rule, double says, Bytes truth) {
    table.rows.push_back({rule, Gib(says), Gib(truth), Ratio(says, bytes(truth))});
  };
  row("2 bytes a parameter", 2 * parameters, InCategory(forecast, Category::kParameters));
  row("2 bytes a gradient", 2 * parameters, InCategory(forecast, Category::kGradients));
  row("8 bytes of optimizer a parameter", 8 * parameters,
      InCategory(forecast, Category::kOptimizer));
  row("B T C L 10 of activations", activations,
      InCategory(forecast, Category::kActivations) + InCategory(forecast, Category::kLogits));
  row("1 GB of overhead", 1e9, forecast.peak_device - forecast.peak_allocated);
  row("all of it", 12 * parameters + activations + 1e9, forecast.peak_device);
  document->Add(std::move(table));
  document->Add(Paragraph{
      "In truth means at the peak; what is not alive then (gradients, where the peak is in a "
      "forward pass) does not count."});
}

}  // namespace vramcast::cli
