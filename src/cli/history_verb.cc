// `vramcast history`: what watches and runs have recorded.
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/text.h"
#include "cli/flag_table.h"
#include "cli/history_export.h"
#include "cli/history_growth.h"
#include "cli/history_text.h"
#include "cli/moment.h"
#include "cli/verbs.h"
#include "monitor/json.h"
#include "store/history.h"
#include "store/history_reader.h"
#include "store/json.h"

namespace vramcast::cli {
namespace {

using store::HistoryReader;
using store::RunRow;

double Now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

nlohmann::json Skeleton() { return {{"schema", "vramcast.history"}, {"version", 1}}; }

class HistoryVerb : public Verb {
 public:
  std::string_view name() const override { return "history"; }
  std::string_view description() const override {
    return "what watches and runs have recorded: list, compare, export";
  }

  void Declare(FlagTable& flags) override {
    flags.Value("--run", run_, "one run, by its number");
    flags.Value("--since", since_, "from then on: 2h or 3d ago, 2026-01-31, '2026-01-31 14:30'");
    flags.Value("--until", until_, "up to then");
    flags.Value("--gpu", gpu_, "one GPU, by its index");
    flags.Value("--compare", compare_, "two runs beside each other: peaks, growth, duration")
        .Takes(2);
    flags.Value("--export", export_, "write the samples to FILE.csv or FILE.json");
    flags.Value("--delete", delete_, "delete a run with its samples");
    flags.Value("--prune", prune_, "delete what is older: 30d, 2026-01-31");
    flags.Value("--file", file_, "another history than the user's own");
    flags.Switch("--json", json_, "print JSON only");
    flags.Switch("--explain", explain_, "where the history is, what it holds, and how long");
  }

  Result<Exit> Run(const std::vector<std::string>& command, Output& output) override {
    if (!command.empty()) return UsageError("history takes no command after --");
    if (auto read = ReadQuestion(); !read) return tl::make_unexpected(read.error());
    if (file_.empty()) {
      auto own = store::HistoryFile();
      if (!own) return tl::make_unexpected(own.error());
      file_ = own->string();
    }
    std::vector<std::string> messages;
    auto reader = HistoryReader::Open(file_, &messages);
    for (const std::string& message : messages) output.Note(message);
    if (!reader) return tl::make_unexpected(reader.error());
    if (!*reader) return Nothing(output);
    return Answer(**reader, output);
  }

 private:
  Status ReadQuestion() {
    const int asked = (compare_.empty() ? 0 : 1) + (export_.empty() ? 0 : 1) + (delete_ ? 1 : 0) +
                      (prune_.empty() ? 0 : 1);
    if (asked > 1) {
      return UsageError("--compare, --export, --delete and --prune exclude each other");
    }
    if ((!compare_.empty() || delete_ || !prune_.empty()) &&
        (run_ || gpu_ || !since_.empty() || !until_.empty())) {
      return UsageError("--run, --gpu, --since and --until choose what is shown or exported only");
    }
    query_ = {.run = run_, .gpu = gpu_};
    for (const auto& [text, bound] :
         {std::pair{&since_, &query_.since}, {&until_, &query_.until}}) {
      if (text->empty()) continue;
      const auto moment = ParseMoment(*text, Now());
      if (!moment) return tl::make_unexpected(moment.error());
      *bound = *moment;
    }
    return {};
  }

  Result<Exit> Nothing(Output& output) const {
    if (!compare_.empty() || delete_ || run_) {
      return UsageError(fmt::format("nothing was recorded yet: {} does not exist", file_));
    }
    if (json_) {
      nlohmann::json object = Skeleton();
      object["file"] = file_;
      object["runs"] = nlohmann::json::array();
      output.out() << object.dump(2) << '\n';
      return Exit::kYes;
    }
    Document document;
    document.Add(
        Paragraph{fmt::format("Nothing was recorded yet: {} does not exist. These keep a "
                              "history:",
                              file_)});
    document.Add(Code{"vramcast watch"}).Add(Code{"vramcast run -- COMMAND"});
    output.Print(document);
    return Exit::kYes;
  }

  Result<Exit> Answer(HistoryReader& reader, Output& output) {
    if (delete_) return Delete(reader, output);
    if (!prune_.empty()) return Prune(reader, output);
    if (!compare_.empty()) return Compare(reader, output);
    auto runs = reader.Runs(query_);
    if (!runs) return tl::make_unexpected(runs.error());
    if (run_ && runs->empty()) return NoSuchRun(*run_);
    if (!export_.empty()) return Export(reader, output);
    if (json_) return PrintJson(reader, *runs, output);
    if (run_) {
      const auto growth = GrowthOf(reader, runs->front());
      if (!growth) return tl::make_unexpected(growth.error());
      output.Print(DescribeRun(runs->front(), *growth, Now()));
    } else if (runs->empty()) {
      const auto all = reader.Runs({});
      if (!all) return tl::make_unexpected(all.error());
      Document document;
      document.Add(Paragraph{all->empty()
                                 ? std::string("The history is empty.")
                                 : fmt::format("None of the {} recorded runs is in that time and "
                                               "on that GPU.",
                                               all->size())});
      document.Add(Code{all->empty() ? "vramcast watch" : "vramcast history"});
      output.Print(document);
    } else {
      output.Print(DescribeRuns(*runs, Now()));
    }
    if (explain_) Explain(output);
    return Exit::kYes;
  }

  static tl::unexpected<Error> NoSuchRun(int64_t run) {
    return UsageError(fmt::format("there is no run {}; vramcast history lists them", run));
  }

  Result<Exit> PrintJson(const HistoryReader& reader, const std::vector<RunRow>& runs,
                         Output& output) const {
    nlohmann::json object = Skeleton();
    object["file"] = file_;
    object["runs"] = nlohmann::json::array();
    for (const RunRow& run : runs) {
      nlohmann::json one = store::ToJson(run);
      if (run_ || !compare_.empty()) {
        const auto growth = GrowthOf(reader, run);
        if (!growth) return tl::make_unexpected(growth.error());
        for (size_t i = 0; i < run.gpus.size(); ++i) {
          const auto found = growth->find(run.gpus[i].id);
          one["gpus"][i]["growth"] =
              found == growth->end() ? nlohmann::json(nullptr) : monitor::ToJson(found->second);
        }
      }
      object["runs"].push_back(std::move(one));
    }
    output.out() << object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    return Exit::kYes;
  }

  Result<Exit> Compare(const HistoryReader& reader, Output& output) const {
    std::vector<RunRow> rows;
    std::vector<ComparedRun> sides;
    for (const int64_t run : compare_) {
      auto found = reader.Runs({.run = run});
      if (!found) return tl::make_unexpected(found.error());
      if (found->empty()) return NoSuchRun(run);
      auto growth = GrowthOf(reader, found->front());
      if (!growth) return tl::make_unexpected(growth.error());
      rows.push_back(found->front());
      sides.push_back({std::move(found->front()), *std::move(growth)});
    }
    if (json_) return PrintJson(reader, rows, output);
    output.Print(DescribeComparison(sides[0], sides[1], Now()));
    return Exit::kYes;
  }

  Result<Exit> Export(const HistoryReader& reader, Output& output) const {
    const auto written = ExportHistory(reader, query_, export_);
    if (!written) return tl::make_unexpected(written.error());
    return Say("exported", *written,
               fmt::format("{} samples are in {}", WithThousands(*written), export_), output);
  }

  Result<Exit> Delete(HistoryReader& reader, Output& output) const {
    const auto deleted = reader.Delete(*delete_);
    if (!deleted) return tl::make_unexpected(deleted.error());
    if (*deleted == 0) return NoSuchRun(*delete_);
    return Say("deleted", *deleted, fmt::format("run {} was deleted", *delete_), output);
  }

  Result<Exit> Prune(HistoryReader& reader, Output& output) const {
    const auto before = ParseMoment(prune_, Now());
    if (!before) return tl::make_unexpected(before.error());
    const auto deleted = reader.DeleteBefore(*before);
    if (!deleted) return tl::make_unexpected(deleted.error());
    return Say("deleted", *deleted,
               fmt::format("{} runs that ended before {} were deleted, and older samples of others",
                           *deleted, FormatMoment(*before)),
               output);
  }

  Result<Exit> Say(const char* key, int64_t number, const std::string& sentence,
                   Output& output) const {
    if (json_) {
      nlohmann::json object = Skeleton();
      object["file"] = file_;
      object[key] = number;
      output.out() << object.dump(2) << '\n';
    } else {
      Document document;
      document.Add(Paragraph{AsSentence(sentence)});
      output.Print(document);
    }
    return Exit::kYes;
  }

  void Explain(Output& output) const {
    const store::Limits limits;
    std::error_code error;
    const auto size = static_cast<int64_t>(std::filesystem::file_size(file_, error));
    Document document;
    document.Add(Title{"Where it is"});
    document.Add(Bullet{fmt::format("{}, {}; an SQLite file, which sqlite3 reads too.", file_,
                                    error ? "of unknown size" : FormatBytes(Bytes(size)))});
    document.Add(Bullet{fmt::format(
        "Samples older than {} days go, and the oldest ones beyond {}; of each run, peaks and "
        "duration stay as long as the run.",
        limits.age.count() / 24, FormatBytes(limits.size))});
    document.Add(
        Bullet{"Growth is judged anew from the stored samples, as watch does (vramcast watch "
               "--explain)."});
    document.Add(Bullet{"Of a run that was killed, or whose machine was, the end is not seen."});
    output.Print(document);
  }

  std::optional<int64_t> run_, delete_;
  std::optional<int> gpu_;
  std::string since_, until_, export_, prune_, file_;
  std::vector<int64_t> compare_;
  bool json_ = false, explain_ = false;
  store::Query query_;
};

}  // namespace

std::unique_ptr<Verb> MakeHistoryVerb() { return std::make_unique<HistoryVerb>(); }

}  // namespace vramcast::cli
