// The typed indices that rooms share: what they point into stands beside each.
#pragma once

#include <cstdint>

#include "base/index.h"

namespace vramcast {

using AllocationId = Index<struct AllocationTag>;  // one alloc and the frees that belong to it
using LabelId = Index<struct LabelTag>;            // Trace::labels
using StackId = Index<struct StackTag>;            // Recording::stacks
using StreamId = uint16_t;                         // Trace::streams; 0 is the default stream

}  // namespace vramcast
