// A second set of made-up series, of a program that steps at its own pace and is looked at once in
// a while: slow starts, long loads, heavy tails, uneven evaluations, fragments, guests.
#pragma once

#include "growth_series.h"

namespace growth_bench {

Series MakeLeakingProgram(Dice* dice);
Series MakeSoundProgram(Dice* dice);

}  // namespace growth_bench
