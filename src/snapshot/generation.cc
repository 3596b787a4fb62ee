#include "snapshot/generation.h"

namespace vramcast::snapshot {

Generation FindGeneration(const Fields& f) {
  if (f.pool) return {{2, 12}, {2, 99}};
  if (f.metadata) return {{2, 10}, {2, 11}};
  if (f.stream_reuse) return f.events ? Generation{{2, 9}, {2, 9}} : Generation{{2, 9}, {2, 99}};
  if (f.compile_context) return {{2, 8}, {2, 8}};
  if (f.annotations) return f.events ? Generation{{2, 5}, {2, 7}} : Generation{{2, 5}, {2, 8}};
  if (f.settings) return {{2, 3}, {2, 4}};
  if (f.times) return {{2, 2}, {2, 2}};
  if (f.expandable) return f.events ? Generation{{2, 1}, {2, 1}} : Generation{{2, 1}, {2, 2}};
  if (f.history) return {{2, 0}, {2, 0}};
  if (f.segments || f.events) return {{1, 0}, {2, 0}};
  return {{1, 0}, {2, 99}};
}

}  // namespace vramcast::snapshot
