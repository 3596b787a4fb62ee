// When it happened: the phase from the stack and the steps printed before, the pattern from both.
#pragma once

#include <optional>
#include <vector>

#include "crashlog/event.h"
#include "crashlog/report.h"

namespace vramcast::crashlog {

// Sets phase, pattern, in_backward and step of an event whose frames are read. `progress`: the last
// training progress printed before it by the same run; nothing if none was printed. `evaluating`:
// what was printed last counts an evaluation. `training_program`: the log names a training script.
void SetWhen(OomEvent& event, const std::optional<Progress>& progress, bool evaluating,
             bool training_program);

// The phase that a stack alone tells, outermost frame first. `after_first`: a training step has
// ended already.
Phase PhaseOfFrames(const std::vector<Frame>& frames, bool after_first);

}  // namespace vramcast::crashlog
