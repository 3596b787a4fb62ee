// The factories of all verbs; AllVerbs() in verbs.cc puts them into the order of the help text.
#pragma once

#include <memory>

#include "cli/verb.h"

namespace vramcast::cli {

std::unique_ptr<Verb> MakeCheckVerb();
std::unique_ptr<Verb> MakeForecastVerb();
std::unique_ptr<Verb> MakeFitVerb();
std::unique_ptr<Verb> MakeFixVerb();
std::unique_ptr<Verb> MakeDiagnoseVerb();
std::unique_ptr<Verb> MakeSnapshotVerb();
std::unique_ptr<Verb> MakeReplayVerb();
std::unique_ptr<Verb> MakeWatchVerb();
std::unique_ptr<Verb> MakeHistoryVerb();
std::unique_ptr<Verb> MakeRunVerb();
std::unique_ptr<Verb> MakeDryrunVerb();

}  // namespace vramcast::cli
