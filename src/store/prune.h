// Keeps the history within its limits, a little at a time, so that no beat of a watch is missed.
#pragma once

#include "store/database.h"
#include "store/history.h"

namespace vramcast::store {

// Runs that are too old go whole, old samples of others go, and beyond the size the oldest samples
// go, 10,000 at a time. Of the run that is being written (`own`; 0: none) the newest 10,000 go last
// and the run itself stays, however old its times are: a recorded series may be older than all
// else. A failure leaves what is there; the next call tries again.
void Prune(const Database& database, const Limits& limits, int64_t own);

// Bytes of the file that hold something.
Bytes LiveSize(const Database& database);

}  // namespace vramcast::store
