#include "store/history.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "base/text.h"
#include "base/user_folder.h"
#include "store/history_schema.h"
#include "store/prune.h"

namespace vramcast::store {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kTogether = std::chrono::milliseconds(250);  // committed together
constexpr auto kRetry = std::chrono::seconds(10);           // after a failure
constexpr size_t kMostPending = 8192;                       // points of GPUs
constexpr size_t kMostCommand = 16 << 10;                   // bytes
constexpr size_t kMostProcesses = 512;                      // of one GPU in one run
constexpr int64_t kPointsBetweenPrunes = 4096;
// A process that only goes on is written this often: its last moment is no sample.
constexpr double kProcessSeconds = 60;

std::string HostName() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

struct Process {
  ProcessRow row;
  double written = 0;
  bool dirty = true;
};

struct Gpu {
  GpuRow row;  // id 0: not in the file yet
  std::map<int64_t, Process> processes;
};

struct Pending {
  size_t gpu = 0;  // in Impl::gpus_
  int64_t milliseconds = 0;
  Bytes used;
  std::optional<int64_t> step;
  std::optional<int> utilisation, temperature;
  std::optional<Bytes> allocated, reserved;
};

struct Statements {
  explicit Statements(const Database& db)
      : begin(db.Prepare("BEGIN IMMEDIATE")),
        commit(db.Prepare("COMMIT")),
        add_run(db.Prepare("INSERT INTO runs(kind, command, attempt, host, began, last_seen)"
                           " VALUES(?, ?, ?, ?, ?, ?)")),
        see_run(db.Prepare("UPDATE runs SET last_seen = ? WHERE id = ?")),
        end_run(db.Prepare("UPDATE runs SET last_seen = max(last_seen, ?1), ended = ?1,"
                           " exit_code = ?2, outcome = ?3, peak_allocated = ?4,"
                           " peak_reserved = ?5 WHERE id = ?6")),
        add_gpu(db.Prepare("INSERT INTO gpus(run, uuid, name, place, capacity, samples, first_time,"
                           " last_time, first_step, last_step, first_used, last_used, peak,"
                           " peak_time) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")),
        see_gpu(db.Prepare("UPDATE gpus SET capacity = ?, samples = ?, last_time = ?,"
                           " first_step = ?, last_step = ?, last_used = ?, peak = ?, peak_time = ?"
                           " WHERE id = ?")),
        add_point(db.Prepare("INSERT OR REPLACE INTO samples VALUES(?, ?, ?, ?, ?, ?, ?, ?)")),
        put_process(db.Prepare("INSERT OR REPLACE INTO processes VALUES(?, ?, ?, ?, ?, ?, ?)")) {}

  Statement begin, commit, add_run, see_run, end_run, add_gpu, see_gpu, add_point, put_process;
};

void See(const ProcessPoint& point, double time, Process* process) {
  ProcessRow& row = process->row;
  row.last_time = time;
  row.last_used = point.used;
  if (point.name && !row.name) row.name = point.name;
  if (point.used && (!row.peak || *point.used > *row.peak)) {
    row.peak = point.used;
    process->dirty = true;
  }
  if (time - process->written >= kProcessSeconds) process->dirty = true;
}

}  // namespace

class History::Impl {
 public:
  Impl(std::filesystem::path file, const Limits& limits) : file_(std::move(file)), limits_(limits) {
    Reopen();
    if (database_) Prune(*database_, limits_, 0);
  }

  void Begin(const RunStart& start) {
    if (start_ && !end_) End({.ended = start.began});
    Write();
    start_ = start;
    start_->command.resize(std::min(start_->command.size(), kMostCommand));
    run_ = 0;
    last_seen_ = start.began;
    end_.reset();
    gpus_.clear();
    lost_ += static_cast<int64_t>(pending_.size());
    pending_.clear();
    Write();
  }

  void Append(const SampleRow& sample) {
    if (!start_) return;
    last_seen_ = std::max(last_seen_, sample.time);
    for (const GpuPoint& point : sample.gpus) Take(point, sample);
    if (pending_.size() > kMostPending) {
      const auto extra = static_cast<std::ptrdiff_t>(pending_.size() - kMostPending / 2);
      pending_.erase(pending_.begin(), pending_.begin() + extra);
      lost_ += extra;
    }
    if (Clock::now() - written_ >= kTogether || pending_.size() >= kMostPending / 2) Write();
  }

  void End(const RunEnd& end) {
    if (!start_ || end_) return;
    end_ = end;
    Write();
  }

  void Write() {
    if (!start_ || (failing_ && Clock::now() < retry_)) return;
    written_ = Clock::now();
    Outcome outcome = database_ || Reopen() ? Transaction() : Outcome::kFull;
    if (outcome == Outcome::kCorrupt && Renew()) outcome = Transaction();
    // Another process writes: the next sample brings the next attempt, unless too many wait.
    if (outcome == Outcome::kBusy && pending_.size() < kMostPending / 2) return;
    if (outcome != Outcome::kDone) return Fail();
    pending_.clear();
    if (failing_) {
      messages_.push_back("the history is written again; " +
                          (lost_ == 0 ? std::string("nothing was lost")
                                      : WithThousands(lost_) + " samples of GPUs were lost"));
      failing_ = false;
      said_ = false;
    }
    if (points_ >= kPointsBetweenPrunes) {
      points_ = 0;
      Prune(*database_, limits_, run_);
    }
  }

  std::vector<std::string> TakeMessages() { return std::exchange(messages_, {}); }
  int64_t lost() const { return lost_; }

 private:
  void Take(const GpuPoint& point, const SampleRow& sample) {
    size_t place = 0;
    while (place < gpus_.size() && gpus_[place].row.uuid != point.uuid) ++place;
    if (place == gpus_.size()) {
      gpus_.push_back({.row = {.uuid = point.uuid,
                               .name = point.name,
                               .index = point.index,
                               .first_time = sample.time,
                               .first_step = sample.step,
                               .first_used = point.used,
                               .peak = point.used,
                               .peak_time = sample.time},
                       .processes = {}});
    }
    Gpu& gpu = gpus_[place];
    GpuRow& row = gpu.row;
    ++row.samples;
    row.last_time = sample.time;
    row.last_used = point.used;
    if (point.capacity) row.capacity = point.capacity;
    if (!row.first_step) row.first_step = sample.step;
    if (sample.step) row.last_step = sample.step;
    if (point.used > row.peak) {
      row.peak = point.used;
      row.peak_time = sample.time;
    }
    pending_.push_back({.gpu = place,
                        .milliseconds = std::llround(sample.time * 1000),
                        .used = point.used,
                        .step = sample.step,
                        .utilisation = point.utilisation,
                        .temperature = point.temperature,
                        .allocated = point.allocated,
                        .reserved = point.reserved});
    for (const ProcessPoint& process : point.processes) {
      auto known = gpu.processes.find(process.pid);
      if (known == gpu.processes.end()) {
        if (gpu.processes.size() >= kMostProcesses) continue;
        known = gpu.processes.emplace(process.pid, Process{}).first;
        known->second.row.pid = process.pid;
        known->second.row.first_time = sample.time;
      }
      See(process, sample.time, &known->second);
    }
  }

  // Everything that the file lacks, or nothing.
  Outcome Transaction() {
    Outcome outcome = sql_->begin.Run();
    if (outcome != Outcome::kDone) {
      message_ = database_->message();
      return outcome;
    }
    const int64_t run_before = run_;
    std::vector<int64_t> gpus_before;
    for (const Gpu& gpu : gpus_) gpus_before.push_back(gpu.row.id);
    outcome = WriteAll();
    if (outcome == Outcome::kDone) outcome = sql_->commit.Run();
    if (outcome == Outcome::kDone) {
      points_ += static_cast<int64_t>(pending_.size());
      for (Gpu& gpu : gpus_) {
        for (auto& [pid, process] : gpu.processes) {
          if (process.dirty) process.written = process.row.last_time;
          process.dirty = false;
        }
      }
      return outcome;
    }
    message_ = database_->message();
    database_->Execute("ROLLBACK");
    run_ = run_before;
    for (size_t i = 0; i < gpus_.size(); ++i) gpus_[i].row.id = gpus_before[i];
    return outcome;
  }

  Outcome WriteAll() {
    if (Outcome outcome = WriteRun(); outcome != Outcome::kDone) return outcome;
    for (Gpu& gpu : gpus_) {
      if (Outcome outcome = WriteGpu(&gpu.row); outcome != Outcome::kDone) return outcome;
      for (const auto& [pid, process] : gpu.processes) {
        if (!process.dirty) continue;
        const ProcessRow& row = process.row;
        const Outcome outcome = sql_->put_process
                                    .Bind(gpu.row.id, row.pid, row.name, row.first_time,
                                          row.last_time, row.last_used, row.peak)
                                    .Run();
        if (outcome != Outcome::kDone) return outcome;
      }
    }
    for (const Pending& point : pending_) {
      const Outcome outcome =
          sql_->add_point
              .Bind(gpus_[point.gpu].row.id, point.milliseconds, point.used, point.step,
                    point.utilisation, point.temperature, point.allocated, point.reserved)
              .Run();
      if (outcome != Outcome::kDone) return outcome;
    }
    return Outcome::kDone;
  }

  Outcome WriteRun() {
    Outcome outcome = Outcome::kDone;
    if (run_ != 0) {
      outcome = sql_->see_run.Bind(last_seen_, run_).Run();
      if (outcome != Outcome::kDone) return outcome;
      if (database_->changed() == 0) Forget();  // the user deleted it while it goes on
    }
    if (run_ == 0) {
      outcome = sql_->add_run
                    .Bind(std::string(start_->kind == RunKind::kRun ? "run" : "watch"),
                          start_->command, start_->attempt, HostName(), start_->began, last_seen_)
                    .Run();
      run_ = database_->last_id();
    }
    if (outcome == Outcome::kDone && end_) {
      outcome = sql_->end_run
                    .Bind(end_->ended, end_->exit_code, end_->outcome, end_->peak_allocated,
                          end_->peak_reserved, run_)
                    .Run();
    }
    return outcome;
  }

  Outcome WriteGpu(GpuRow* row) {
    if (row->id != 0) {
      return sql_->see_gpu
          .Bind(row->capacity, row->samples, row->last_time, row->first_step, row->last_step,
                row->last_used, row->peak, row->peak_time, row->id)
          .Run();
    }
    const Outcome outcome =
        sql_->add_gpu
            .Bind(run_, row->uuid, row->name, row->index, row->capacity, row->samples,
                  row->first_time, row->last_time, row->first_step, row->last_step, row->first_used,
                  row->last_used, row->peak, row->peak_time)
            .Run();
    row->id = database_->last_id();
    return outcome;
  }

  bool Reopen() {
    auto database =
        OpenCurrent(file_, HistorySchema(), Missing::kIsMade, Journal::kLog, &messages_);
    if (!database) {
      message_ = database.error().message;
      if (!start_) Fail();
      return false;
    }
    database_.emplace(*std::move(database));
    sql_.emplace(*database_);
    return true;
  }

  // The file turned out to be damaged: a new one, in which the run begins again.
  bool Renew() {
    sql_.reset();
    database_.reset();
    if (auto status = SetAside(file_, &messages_); !status) {
      message_ = status.error().message;
      return false;
    }
    Forget();
    return Reopen();
  }

  void Forget() {
    run_ = 0;
    for (Gpu& gpu : gpus_) {
      gpu.row.id = 0;
      for (auto& [pid, process] : gpu.processes) process.dirty = true;
    }
  }

  void Fail() {
    failing_ = true;
    retry_ = Clock::now() + kRetry;
    if (said_) return;
    said_ = true;
    messages_.push_back(fmt::format(
        "the history cannot be written ({}): samples are not kept until it can be; everything else "
        "goes on",
        message_));
  }

  std::filesystem::path file_;
  Limits limits_;
  std::optional<Database> database_;
  std::optional<Statements> sql_;

  std::optional<RunStart> start_;
  int64_t run_ = 0;  // 0: not in the file yet
  double last_seen_ = 0;
  std::optional<RunEnd> end_;
  std::vector<Gpu> gpus_;
  std::vector<Pending> pending_;

  Clock::time_point written_, retry_;
  int64_t points_ = 0;  // since the last look at the limits
  bool failing_ = false, said_ = false;
  std::string message_;  // of the last failure
  std::vector<std::string> messages_;
  int64_t lost_ = 0;
};

Result<std::filesystem::path> HistoryFile() {
  auto folder = DataFolder();
  if (!folder) return folder;
  return *folder / "history.db";
}

History::History(const std::filesystem::path& file, const Limits& limits)
    : impl_(std::make_unique<Impl>(file, limits)) {}
History::History(History&&) noexcept = default;
History& History::operator=(History&&) noexcept = default;
History::~History() {
  if (impl_ != nullptr) impl_->Write();
}

void History::Begin(const RunStart& start) { impl_->Begin(start); }
void History::Append(const SampleRow& sample) { impl_->Append(sample); }
void History::End(const RunEnd& end) { impl_->End(end); }
void History::Flush() { impl_->Write(); }
std::vector<std::string> History::TakeMessages() { return impl_->TakeMessages(); }
int64_t History::samples_lost() const { return impl_->lost(); }

}  // namespace vramcast::store
