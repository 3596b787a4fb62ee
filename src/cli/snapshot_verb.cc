// `vramcast snapshot FILE`: what filled the GPU, in words.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "analysis/json.h"
#include "base/text.h"
#include "cli/files.h"
#include "cli/flag_table.h"
#include "cli/flamegraph.h"
#include "cli/snapshot_page.h"
#include "cli/snapshot_view.h"
#include "cli/verbs.h"
#include "trace/file.h"

namespace vramcast::cli {
namespace {

using nlohmann::json;

class SnapshotVerb : public Verb {
 public:
  std::string_view name() const override { return "snapshot"; }
  std::string_view description() const override {
    return "what a PyTorch memory snapshot says: peak, causes, leaks";
  }

  void Declare(FlagTable& flags) override {
    flags
        .Value("FILE", file_,
               "a snapshot (pickle, JSON or HTML; plain, gzip, zstd or zip), a trace file of "
               "vramcast, or - for standard input")
        .Required();
    flags.Value("--at", options_.at, "the moment to look at: peak, end, oom or an event number");
    flags.Value("--by", by_, "group by category, line, operator, stack, stream or segment");
    flags.Value("--top", options_.top, "rows to show");
    flags.Value("--diff", other_, "another snapshot: what differs at the same moment");
    flags.Value("--torch", torch_, "the version of PyTorch that wrote it, if known");
    flags.Value("--flamegraph", flamegraph_, "write a flame graph of that moment (SVG)");
    flags.Value("--html", html_, "write one page with timeline, segments and composition");
    flags.Value("--export", export_, "write vramcast's compact trace file");
    flags.Switch("--json", json_, "print JSON only");
    flags.Switch("--explain", options_.explain, "say where each number comes from");
  }

  Result<Exit> Run(const std::vector<std::string>& command, Output& output) override {
    if (!command.empty()) return UsageError("snapshot takes a file, not a command");
    const auto by = GroupingFromName(by_);
    if (!by) {
      return UsageError(fmt::format(
          "--by takes category, line, operator, stack, stream or segment, not {}", by_));
    }
    options_.by = *by;
    std::optional<TorchVersion> torch;
    if (!torch_.empty()) {
      const auto parsed = ParseTorchVersion(torch_);
      if (!parsed) return tl::make_unexpected(parsed.error());
      torch = *parsed;
    }
    auto loaded = LoadRecording(file_, torch);
    if (!loaded) return tl::make_unexpected(loaded.error());
    std::vector<DeviceView> views;
    for (size_t d = 0; d < loaded->proofs.size(); ++d) {
      ViewOptions options = options_;
      // A device that was not used has no moments but its end.
      if (loaded->recording->devices[d].trace.events.empty() && options.at != "peak") {
        options.at = "end";
      }
      auto view = ViewDevice(*loaded, d, options);
      if (!view && options.at == "oom" && loaded->proofs.size() > 1) {
        options.at = "end";  // memory ran out on another device
        view = ViewDevice(*loaded, d, options);
      }
      if (!view) return tl::make_unexpected(view.error());
      views.push_back(std::move(*view));
    }
    if (const Status status = WriteFiles(*loaded, views); !status) {
      return tl::make_unexpected(status.error());
    }
    std::optional<LoadedRecording> other;
    std::vector<std::vector<Difference>> differences;
    if (!other_.empty()) {
      auto second = LoadRecording(other_, torch);
      if (!second) return tl::make_unexpected(second.error());
      other = std::move(*second);
      for (const DeviceView& view : views) {
        if (view.device >= other->proofs.size()) continue;
        const auto theirs = ViewDevice(*other, view.device, options_);
        if (!theirs) return tl::make_unexpected(theirs.error());
        differences.push_back(Compare(view.shares, theirs->shares));
      }
    }
    if (json_) {
      PrintJson(*loaded, views, differences, output);
    } else {
      Print(*loaded, views, differences, output);
    }
    for (const DeviceView& view : views) {
      if (IsBadNews(*loaded, view)) return Exit::kBadNews;
    }
    return Exit::kYes;
  }

 private:
  Status WriteFiles(const LoadedRecording& loaded, const std::vector<DeviceView>& views) const {
    if (!export_.empty()) {
      if (auto status = WriteFile(export_, WriteTraceFile(*loaded.recording)); !status) {
        return status;
      }
    }
    if (!html_.empty()) {
      if (auto status = WriteFile(html_, SnapshotPage(loaded, views)); !status) return status;
    }
    if (!flamegraph_.empty()) {
      std::vector<LiveBlock> blocks;
      for (const DeviceView& view : views) {
        blocks.insert(blocks.end(), view.blocks.begin(), view.blocks.end());
      }
      const std::string title = fmt::format("{} at {}", file_, options_.at);
      return WriteFile(flamegraph_, FlameGraph(blocks, *loaded.attribution, title));
    }
    return {};
  }

  void Print(const LoadedRecording& loaded, const std::vector<DeviceView>& views,
             const std::vector<std::vector<Difference>>& differences, Output& output) const {
    Document document;
    AddHeader(loaded, &document);
    for (const DeviceView& view : views) AddView(loaded, view, options_, &document);
    for (size_t d = 0; d < differences.size(); ++d) {
      document.Add(Title{fmt::format("GPU {}: {} less {}", d, other_, file_)});
      document.Add(DifferenceTable(differences[d]));
    }
    output.Print(document);
  }

  Table DifferenceTable(const std::vector<Difference>& differences) const {
    Table table;
    table.header = {"difference", "before", "after", "what"};
    table.right_aligned = {true, true, true, false};
    for (size_t i = 0; i < differences.size() && i < options_.top; ++i) {
      const Difference& row = differences[i];
      table.rows.push_back({FormatBytes(row.after - row.before), FormatBytes(row.before),
                            FormatBytes(row.after), row.name});
    }
    if (table.rows.empty()) table.rows.push_back({"none", "", "", ""});
    return table;
  }

  void PrintJson(const LoadedRecording& loaded, const std::vector<DeviceView>& views,
                 const std::vector<std::vector<Difference>>& differences, Output& output) const {
    const Generation& generation = loaded.recording->generation;
    json object = {
        {"schema", "vramcast.snapshot"},
        {"version", 1},
        {"file", file_},
        {"torch",
         {{"earliest", fmt::format("{}.{}", generation.earliest.first, generation.earliest.second)},
          {"latest",
           generation.latest.second >= 99
               ? json(nullptr)
               : json(fmt::format("{}.{}", generation.latest.first, generation.latest.second))}}},
        {"settings", ToJson(loaded.settings)},
        {"alloc_conf",
         loaded.recording->settings ? json(loaded.recording->settings->conf) : json(nullptr)},
        {"unknown_keys", loaded.recording->unknown_keys},
        {"annotations", loaded.recording->annotations.size()},
        {"devices", json::array()}};
    for (const DeviceView& view : views) {
      object["devices"].push_back(ViewJson(loaded, view, options_.top));
    }
    if (!other_.empty()) {
      object["diff"] = json::array();
      for (const auto& rows : differences) object["diff"].push_back(ToJson(rows, options_.top));
    }
    output.out() << object.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
  }

  std::string file_;
  std::string by_ = "line";
  std::string other_, torch_, flamegraph_, html_, export_;
  ViewOptions options_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> MakeSnapshotVerb() { return std::make_unique<SnapshotVerb>(); }

}  // namespace vramcast::cli
