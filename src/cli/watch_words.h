// What `watch` says in words, the same in every view: how memory grows, how long it lasts, and what
// the phases ahead need.
#pragma once

#include <string>

#include "monitor/watcher.h"

namespace vramcast::cli {

// "18:04:12", local time.
std::string ClockText(double time);
// "16.21 GiB of 23.57 GiB".
std::string UsedText(const monitor::GpuSample& gpu);
// The part of the card that is in use, from 0 to 1; 0 where the capacity is not known.
double UsedFraction(const monitor::GpuSample& gpu);

// "steady", "another process grows 1.20 GiB per minute, full in …", "grows 5.00 MiB per step, full
// in about 26 min (24 min to 28 min), 1,560 steps (…)".
std::string VerdictText(const monitor::GpuReport& gpu, const monitor::Report& report);
// The same for little room: "grows 5.00 MiB per step, full in 24 min to 28 min (1,440 to 1,700
// steps)".
std::string ShortVerdictText(const monitor::GpuReport& gpu, const monitor::Report& report);
// "24 min to 28 min", "24 min at the earliest"; empty where nothing is known.
std::string FullInText(const monitor::Growth& growth);
// "5.00 MiB per step", "1.20 GiB per minute".
std::string RateText(double bytes_per_second, const monitor::Report& report);
// "1.20 GiB per minute", also where steps are known.
std::string RateInTimeText(double bytes_per_second);
// "; by process 4100 (jupyter-lab)" where several processes are on the GPU; else empty.
std::string GrowerText(const monitor::GpuReport& gpu);
// "process 77 (python3)".
std::string ProcessText(const monitor::ProcessSample& process);

// "CORE metric at step 2,000", "checkpoint save at the end".
std::string PhaseText(const monitor::UpcomingPhase& phase);
// "in about 26 min"; empty where the pace is not known.
std::string WhenText(const monitor::UpcomingPhase& phase, const monitor::Report& report);
// "needs 24.10 GiB (23.60 GiB to 24.90 GiB) of 23.10 GiB: 1.00 GiB too much".
std::string NeedText(const monitor::UpcomingPhase& phase);
// The whole sentence, without a full stop.
std::string AheadText(const monitor::UpcomingPhase& phase, const monitor::Report& report);
// "step 1,240 of 21,400, 0.52 steps per second"; empty where no step is known.
std::string StepText(const monitor::Report& report);

}  // namespace vramcast::cli
