// From causes to what to do. Every remedy can be pasted or typed; those for a known command are
// that command, corrected. Nothing is recommended that the revision or version at hand lacks.
#pragma once

#include <vector>

#include "diagnosis/ballot.h"
#include "diagnosis/case.h"
#include "diagnosis/job.h"
#include "diagnosis/remedy.h"

namespace vramcast::diagnosis {

// Best first. `job` may be null: then there is no command to correct.
std::vector<Remedy> Recommend(const Case& c, const std::vector<Finding>& findings, const Job* job);

// Parts of it, by where the remedy applies. Each may add nothing.
void CorrectLaunch(const Case& c, Cause cause, const Job& job, std::vector<Remedy>& remedies);
// True if the framework has advice of its own for this cause, so that PyTorch's is left out.
bool AdviseFramework(const Case& c, Cause cause, std::vector<Remedy>& remedies);
void AdvisePytorch(const Case& c, Cause cause, const Job* job, std::vector<Remedy>& remedies);
void AdviseNeighbours(const Case& c, std::vector<Remedy>& remedies);
void AdviseHost(const Case& c, std::vector<Remedy>& remedies);
void AdviseNotMemory(const Case& c, const Job* job, std::vector<Remedy>& remedies);
// nanochat without a command that could be corrected: its flags as the newest revision writes them.
void AdviseNanochat(const Case& c, std::vector<Remedy>& remedies);

// PYTORCH_ALLOC_CONF, PYTORCH_CUDA_ALLOC_CONF or PYTORCH_HIP_ALLOC_CONF: as the message's own hint
// spells it. PYTORCH_CUDA_ALLOC_CONF where it names none, which every version since 1.10 reads.
std::string AllocConfName(const Case& c);

}  // namespace vramcast::diagnosis
