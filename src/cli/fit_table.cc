#include "cli/fit_table.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "gpu/card.h"

namespace vramcast::cli {
namespace {

constexpr int kCards[] = {8, 16, 24, 40, 48, 80, 96, 141};
constexpr int64_t kDepths[] = {12, 16, 20, 24, 26, 32};

}  // namespace

Result<FitTable> MakeFitTable(const forecast::Request& request) {
  FitTable table;
  if (request.flags.depth) {
    table.depths = {*request.flags.depth};
  } else {
    table.depths.assign(std::begin(kDepths), std::end(kDepths));
  }
  for (const int gigabytes : kCards) table.cards.push_back(fmt::format("{}GB", gigabytes));
  for (const int64_t depth : table.depths) {
    std::vector<std::optional<int64_t>> row;
    for (const std::string& name : table.cards) {
      const Result<gpu::CardMatch> card = gpu::FindCard(name);
      if (!card) return tl::make_unexpected(card.error());
      forecast::Request one = request;
      one.flags.depth = depth;
      one.card = card->card;
      one.total.reset();
      const Result<std::optional<int64_t>> batch = forecast::LargestBatch(one);
      if (!batch) return tl::make_unexpected(batch.error());
      row.push_back(*batch);
    }
    table.batches.push_back(std::move(row));
  }
  return table;
}

void AddTable(const FitTable& table, Document* document) {
  Table shown;
  shown.header = {"depth"};
  shown.right_aligned = {true};
  for (const std::string& card : table.cards) {
    shown.header.push_back(card);
    shown.right_aligned.push_back(true);
  }
  for (size_t i = 0; i < table.depths.size(); ++i) {
    std::vector<std::string> row = {std::to_string(table.depths[i])};
    for (const auto& batch : table.batches[i]) {
      row.push_back(batch ? std::to_string(*batch) : "-");
    }
    shown.rows.push_back(std::move(row));
  }
  document->Add(Title{"The largest --device-batch-size, by depth and memory of the card"});
  document->Add(std::move(shown));
  document->Add(Paragraph{"-: not even 1 fits. Each keeps the total batch size."});
}

nlohmann::json ToJson(const FitTable& table) {
  nlohmann::json rows = nlohmann::json::array();
  for (size_t i = 0; i < table.depths.size(); ++i) {
    for (size_t j = 0; j < table.cards.size(); ++j) {
      const auto& batch = table.batches[i][j];
      rows.push_back({{"depth", table.depths[i]},
                      {"card", table.cards[j]},
                      {"device_batch_size", batch ? nlohmann::json(*batch) : nullptr}});
    }
  }
  return {{"schema", "vramcast.fit"}, {"version", 1}, {"table", std::move(rows)}};
}

}  // namespace vramcast::cli
