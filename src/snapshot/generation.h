// Which versions of PyTorch write a snapshot with these fields. A snapshot never states its
// version.
#pragma once

#include <string>

#include "trace/recording.h"

namespace vramcast::snapshot {

// What was seen anywhere in the file.
struct Fields {
  bool history = false;          // blocks have a history
  bool expandable = false;       // segments have is_expandable
  bool segments = false;         // there are segments
  bool events = false;           // there are trace events
  bool times = false;            // events have time_us
  bool settings = false;         // allocator_settings
  bool annotations = false;      // external_annotations
  bool compile_context = false;  // on events
  bool stream_reuse = false;     // graph_capture_record_stream_reuse in the settings
  bool metadata = false;         // user_metadata on events
  bool pool = false;             // pool_id on events
};

// Checked against the lock files of 113 public snapshots.
Generation FindGeneration(const Fields& fields);

}  // namespace vramcast::snapshot
