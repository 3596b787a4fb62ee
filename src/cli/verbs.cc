#include "cli/verbs.h"

namespace vramcast::cli {

// The order of the help text: the order in which a newcomer needs them.
std::vector<std::unique_ptr<Verb>> AllVerbs() {
  std::vector<std::unique_ptr<Verb>> verbs;
  verbs.push_back(MakeCheckVerb());
  verbs.push_back(MakeForecastVerb());
  verbs.push_back(MakeFitVerb());
  verbs.push_back(MakeFixVerb());
  verbs.push_back(MakeDiagnoseVerb());
  verbs.push_back(MakeSnapshotVerb());
  verbs.push_back(MakeReplayVerb());
  verbs.push_back(MakeWatchVerb());
  verbs.push_back(MakeHistoryVerb());
  verbs.push_back(MakeRunVerb());
  verbs.push_back(MakeDryrunVerb());
  return verbs;
}

}  // namespace vramcast::cli
