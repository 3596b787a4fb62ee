// Keeps the history within its limits, a little at a time, so that no beat of a watch is missed.
#pragma once

#include "store/database.h"
#include "store/history.h"

namespace vramcast::store {

// Runs that are too old go whole, old samples of others go, and beyond the size the oldest samples
// go, 10,000 at a time. A failure leaves what is there; the next call tries again.
void Prune(const Database& database, const Limits& limits);

// Bytes of the file that hold something.
Bytes LiveSize(const Database& database);

}  // namespace vramcast::store
