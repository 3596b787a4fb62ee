// Sentences for people: what happened, how one knows when, and what to look at next.
#pragma once

#include <string>
#include <vector>

#include "diagnosis/case.h"
#include "diagnosis/cause.h"
#include "diagnosis/diagnosis.h"

namespace vramcast::diagnosis {

// "GPU 0 ran out of memory in the first backward pass: 2.00 GiB asked for, 1.50 GiB of 23.56 GiB
// free."
std::string Summary(const Case& c);
std::string SummaryWithoutDeath(const Diagnosis& d);

// What phase and pattern were read from: the frame that decides, and the progress printed.
std::vector<Evidence> WhenEvidence(const Case& c);

// By the pattern: which questions to ask next, which lines to suspect, what this revision offers.
std::vector<std::string> NextSteps(const Case& c, Cause cause, const Job* job);

}  // namespace vramcast::diagnosis
