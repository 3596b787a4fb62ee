// A whole run of one stage, written as a trace: the model is built, a checkpoint is read, the
// phases follow each other as the script runs them.
#pragma once

#include "forecast/job.h"
#include "trace/trace.h"

namespace vramcast::forecast {

Trace WriteProgram(const Job& job);

}  // namespace vramcast::forecast
