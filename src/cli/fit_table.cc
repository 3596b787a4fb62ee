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

Result<FitTable> MakeFitTable(const forecast::Request& request, std::vector<int64_t> depths,
                              const std::vector<gpu::Card>& cards) {
  FitTable table;
  table.depths = std::move(depths);
  if (table.depths.empty() && request.flags.depth) table.depths = {*request.flags.depth};
  if (table.depths.empty()) table.depths.assign(std::begin(kDepths), std::end(kDepths));
  std::vector<gpu::Card> shown = cards;
  for (const gpu::Card& card : cards) table.cards.push_back(card.name);
  if (cards.empty()) {
    for (const int gigabytes : kCards) {
      table.cards.push_back(fmt::format("{}GB", gigabytes));
      const Result<gpu::CardMatch> match = gpu::FindCard(table.cards.back());
      if (!match) return tl::make_unexpected(match.error());
      shown.push_back(match->card);
    }
  }
  for (const int64_t depth : table.depths) {
    std::vector<std::optional<int64_t>> row;
    for (const gpu::Card& card : shown) {
      forecast::Request one = request;
      one.flags.depth = depth;
      one.card = card;
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
  constexpr size_t kMostColumns = 8;
  // Named cards are rows: their names do not fit above columns.
  const bool by_card = table.depths.size() <= kMostColumns && table.cards.front().size() > 6;
  Table shown;
  shown.header = {by_card ? "card" : "depth"};
  shown.right_aligned = {!by_card};
  const auto cell = [&](size_t depth, size_t card) {
    const auto& batch = table.batches[depth][card];
    return batch ? std::to_string(*batch) : "-";
  };
  const size_t columns = by_card ? table.depths.size() : table.cards.size();
  const size_t rows = by_card ? table.cards.size() : table.depths.size();
  for (size_t j = 0; j < columns; ++j) {
    shown.header.push_back(by_card ? fmt::format("d{}", table.depths[j]) : table.cards[j]);
    shown.right_aligned.push_back(true);
  }
  for (size_t i = 0; i < rows; ++i) {
    std::vector<std::string> row = {by_card ? table.cards[i] : std::to_string(table.depths[i])};
    for (size_t j = 0; j < columns; ++j) row.push_back(by_card ? cell(j, i) : cell(i, j));
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
