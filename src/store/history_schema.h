// The tables of history.db. They may be read with sqlite3 too; docs/watch.md describes them.
#pragma once

#include "store/open.h"

namespace vramcast::store {

Schema HistorySchema();

}  // namespace vramcast::store
