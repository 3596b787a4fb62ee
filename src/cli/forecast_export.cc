#include "cli/forecast_export.h"

#include "analysis/record.h"
#include "cli/files.h"
#include "cli/flag_table.h"
#include "snapshot/write.h"
#include "trace/file.h"

namespace vramcast::cli {

void ForecastExport::Declare(FlagTable& flags) {
  flags.Value("--export", trace_, "write the run as a trace file, which snapshot and replay read");
  flags.Value("--write-snapshot", snapshot_,
              "write the run as a snapshot that pytorch.org/memory_viz opens");
}

Status ForecastExport::Write(Result<forecast::Recording> what) const {
  if (!what) return tl::make_unexpected(what.error());
  const Recording recording = RecordLabelled(std::move(what->trace), what->settings, {});
  if (!trace_.empty()) {
    if (Status status = WriteFile(trace_, WriteTraceFile(recording)); !status) return status;
  }
  if (snapshot_.empty()) return {};
  return WriteFile(snapshot_, snapshot::WriteSnapshot(recording));
}

}  // namespace vramcast::cli
