// The history for people: a list of runs, one run, two runs beside each other.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "monitor/growth.h"
#include "report/document.h"
#include "store/rows.h"

namespace vramcast::cli {

using GrowthByGpu = std::map<int64_t, monitor::Growth>;

// How it ended: "finished", "out_of_memory (1)", "goes on", "end not seen". `now` in seconds since
// 1970.
std::string EndWords(const store::RunRow& run, double now);
double Duration(const store::RunRow& run);  // seconds

Document DescribeRuns(const std::vector<store::RunRow>& runs, double now);
Document DescribeRun(const store::RunRow& run, const GrowthByGpu& growth, double now);

struct ComparedRun {
  store::RunRow run;
  GrowthByGpu growth;
};
// GPUs are matched by their index.
Document DescribeComparison(const ComparedRun& a, const ComparedRun& b, double now);

}  // namespace vramcast::cli
