#include "diagnosis/ballot.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace vramcast::diagnosis {
namespace {

// Below this a cause is not worth a reader's time.
constexpr double kLeastConfidence = 0.03;

}  // namespace

void Ballot::Add(Cause cause, double weight, std::vector<Evidence> evidence) {
  Entry& entry = entries_[static_cast<size_t>(cause)];
  entry.weight += weight;
  entry.named = entry.named || weight > 0;
  for (Evidence& item : evidence) {
    if (std::find(entry.evidence.begin(), entry.evidence.end(), item) == entry.evidence.end()) {
      entry.evidence.push_back(std::move(item));
    }
  }
}

std::vector<Finding> Ballot::Count() const {
  double sum = 1;  // kUnknown, unless a rule speaks for it: weight 0
  for (size_t i = 0; i < kCauseCount; ++i) {
    if (entries_[i].named) {
      sum += std::exp(entries_[i].weight);
    }
  }
  std::vector<Finding> findings;
  for (size_t i = 0; i < kCauseCount; ++i) {
    const double confidence = std::exp(entries_[i].weight) / sum;
    if (entries_[i].named && confidence >= kLeastConfidence) {
      findings.push_back({static_cast<Cause>(i), confidence, entries_[i].evidence});
    }
  }
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& a, const Finding& b) { return a.confidence > b.confidence; });
  if (findings.empty()) {
    findings.push_back({Cause::kUnknown, 1 / sum, {}});
  }
  return findings;
}

}  // namespace vramcast::diagnosis
