// The steps of a forecast, for what makes many of them: one played trace serves every card on which
// the same things happen.
#pragma once

#include "forecast/forecast.h"
#include "forecast/job.h"
#include "forecast/verdict.h"

namespace vramcast::forecast {

Recording RecordJob(const Job& job);

// Peaks, phases, interval and what lies outside PyTorch: what a verdict needs. `recording` may be
// of another job whose CardTraits are equal.
Forecast Measure(const Job& job, const Request& request, const Recording& recording);

// Whether it fits on the request's card. `deaths`: of this recording, of other cards.
void JudgeOnCard(const Job& job, const Request& request, const Recording& recording, Detail detail,
                 Forecast* forecast, Deaths* deaths = nullptr);

}  // namespace vramcast::forecast
