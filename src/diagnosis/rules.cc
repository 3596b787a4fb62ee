#include "diagnosis/rules.h"

namespace vramcast::diagnosis {

std::vector<Finding> FindCauses(const Case& c, const Job* job) {
  Ballot ballot;
  Prior(c, ballot);
  if (c.event->is_vram_oom) {
    for (const auto rules : {NumberRules(), WordingRules(), HistoryRules()}) {
      for (const Rule rule : rules) {
        rule(c, ballot);
      }
    }
    if (job != nullptr) {
      Judge(*job, ballot);
    }
  }
  return ballot.Count();
}

}  // namespace vramcast::diagnosis
