// Several logs or ranks of one run: who died first, and whether all died of the same.
#pragma once

#include <string>
#include <vector>

#include "diagnosis/diagnosis.h"

namespace vramcast::diagnosis {

// Whether death `a` stands before death `b`: by the last time stamp printed before each where both
// have one; within one log by place; else a is not before b. Indices into d.deaths.
bool DiedBefore(const Diagnosis& d, size_t a, size_t b);

// Sentences on how the other deaths relate to the main one. Empty if there is only one death.
std::vector<std::string> CompareRanks(const Diagnosis& d);

}  // namespace vramcast::diagnosis
