// The rules. Each looks at one mechanism and votes; what it needs and does not find, it ignores.
#pragma once

#include <span>

#include "diagnosis/ballot.h"
#include "diagnosis/case.h"
#include "diagnosis/job.h"

namespace vramcast::diagnosis {

using Rule = void (*)(const Case&, Ballot&);

// What a message of this kind usually means, before anything else is known.
void Prior(const Case& c, Ballot& ballot);

std::span<const Rule> NumberRules();   // who holds what, by the printed sizes
std::span<const Rule> WordingRules();  // what the message and the lines around it name
std::span<const Rule> HistoryRules();  // what went well before, and what grew

// All of them on one case, best cause first. `job` may be null; else its forecast votes too.
std::vector<Finding> FindCauses(const Case& c, const Job* job = nullptr);

}  // namespace vramcast::diagnosis
