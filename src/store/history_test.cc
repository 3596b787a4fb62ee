#include "store/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "store/history_reader.h"

namespace vramcast::store {
namespace {

namespace fs = std::filesystem;
using namespace literals;  // NOLINT: sizes
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class HistoryTest : public ::testing::Test {
 protected:
  HistoryTest() {
    std::string name = (fs::temp_directory_path() / "vramcast-store-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    file_ = folder_ / "data" / "history.db";
  }
  ~HistoryTest() override { fs::remove_all(folder_); }

  HistoryReader Reader() {
    auto reader = HistoryReader::Open(file_, &messages_);
    EXPECT_TRUE(reader && *reader);
    return **std::move(reader);
  }
  std::vector<RunRow> Runs(const Query& query = {}) { return *Reader().Runs(query); }
  std::vector<Point> Points(const Query& query = {}) {
    std::vector<Point> points;
    EXPECT_TRUE(Reader().Points(query, [&](const Point& point) {
      points.push_back(point);
      return true;
    }));
    return points;
  }

  fs::path folder_, file_;
  std::vector<std::string> messages_;
};

SampleRow At(double time, Bytes used) {
  return {.time = time,
          .step = static_cast<int64_t>(time) % 1000,
          .gpus = {{.uuid = "GPU-1",
                    .name = "NVIDIA A40",
                    .index = 0,
                    .used = used,
                    .capacity = 44_GiB,
                    .utilisation = 97,
                    .temperature = {},
                    .processes = {{.pid = 17, .name = "python3", .used = used - 1_MiB}}}}};
}

constexpr double kStart = 1760000000;

TEST_F(HistoryTest, WhatIsWrittenIsReadBack) {
  History history(file_);
  history.Begin({.kind = RunKind::kRun, .command = "python -m train", .began = kStart});
  history.Append(At(kStart + 1, 5_GiB));
  history.Append(At(kStart + 2, 7_GiB));
  history.Append(At(kStart + 3, 6_GiB));
  history.End({.ended = kStart + 4, .exit_code = 1, .outcome = "out_of_memory"});
  EXPECT_THAT(history.TakeMessages(), IsEmpty());

  const std::vector<RunRow> runs = Runs();
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].start.command, "python -m train");
  EXPECT_EQ(runs[0].start.kind, RunKind::kRun);
  ASSERT_TRUE(runs[0].end);
  EXPECT_EQ(runs[0].end->exit_code, 1);
  EXPECT_EQ(runs[0].end->outcome, "out_of_memory");
  ASSERT_EQ(runs[0].gpus.size(), 1u);
  const GpuRow& gpu = runs[0].gpus[0];
  EXPECT_EQ(gpu.peak, 7_GiB);
  EXPECT_EQ(gpu.peak_time, kStart + 2);
  EXPECT_EQ(gpu.first_used, 5_GiB);
  EXPECT_EQ(gpu.last_used, 6_GiB);
  EXPECT_EQ(gpu.samples, 3);
  ASSERT_EQ(gpu.processes.size(), 1u);
  EXPECT_EQ(gpu.processes[0].peak, 7_GiB - 1_MiB);
  const std::vector<Point> points = Points();
  ASSERT_EQ(points.size(), 3u);
  EXPECT_EQ(points[1].time, kStart + 2);
  EXPECT_EQ(points[1].used, 7_GiB);
  EXPECT_EQ(points[1].utilisation, 97);
  EXPECT_FALSE(points[1].temperature);
}

TEST_F(HistoryTest, WhatTheAllocatorHoldsIsKeptWhereItIsTold) {
  History history(file_);
  history.Begin({.kind = RunKind::kRun, .command = "python -m train", .began = kStart});
  history.Append(At(kStart + 1, 5_GiB));
  SampleRow told = At(kStart + 2, 7_GiB);
  told.gpus[0].allocated = 3_GiB;
  told.gpus[0].reserved = 6_GiB;
  history.Append(told);
  history.Flush();  // it goes on
  const std::vector<Point> points = Points();
  ASSERT_EQ(points.size(), 2u);
  EXPECT_FALSE(points[0].allocated);
  EXPECT_EQ(points[1].allocated, 3_GiB);
  EXPECT_EQ(points[1].reserved, 6_GiB);
}

TEST_F(HistoryTest, AFileOfAnOlderVersionIsTakenOver) {
  {
    History history(file_);
    history.Begin({.command = "old", .began = kStart});
    history.Append(At(kStart + 1, 5_GiB));
  }
  {
    // As it was before samples held the allocator's numbers.
    Outcome outcome = Outcome::kDone;
    auto database = Database::Open(file_, Missing::kFails, Journal::kLog, &outcome);
    ASSERT_TRUE(database);
    ASSERT_EQ(database->Execute("ALTER TABLE samples DROP COLUMN allocated;"
                                "ALTER TABLE samples DROP COLUMN reserved;"
                                "PRAGMA user_version = 1"),
              Outcome::kDone);
  }
  EXPECT_EQ(Points().size(), 1u);
  History history(file_);
  history.Begin({.command = "new", .began = kStart + 10});
  history.Append(At(kStart + 11, 6_GiB));
  history.Flush();
  EXPECT_THAT(history.TakeMessages(), IsEmpty());
  EXPECT_EQ(Points().size(), 2u);
}

TEST_F(HistoryTest, QueriesTakeARunATimeAndAGpu) {
  History history(file_);
  for (int i = 0; i < 3; ++i) {
    history.Begin({.command = "watch " + std::to_string(i), .began = kStart + i * 100});
    history.Append(At(kStart + i * 100 + 1, 1_GiB));
    history.Append(At(kStart + i * 100 + 2, 2_GiB));
    history.End({.ended = kStart + i * 100 + 3});
  }
  EXPECT_EQ(Runs({.run = 2})[0].start.command, "watch 1");
  EXPECT_EQ(Runs({.since = kStart + 99}).size(), 2u);
  EXPECT_EQ(Runs({.until = kStart + 99}).size(), 1u);
  EXPECT_EQ(Runs({.gpu = 1}).size(), 0u);
  EXPECT_EQ(Points({.run = 3}).size(), 2u);
  EXPECT_EQ(Points({.since = kStart + 102}).size(), 3u);
}

TEST_F(HistoryTest, AnAbsentHistoryIsNotAnError) {
  const auto reader = HistoryReader::Open(file_, &messages_);
  ASSERT_TRUE(reader);
  EXPECT_FALSE(reader->has_value());
  EXPECT_FALSE(fs::exists(file_));
}

TEST_F(HistoryTest, ARunThatWasKilledHasNoEndAndKeepsItsSamples) {
  const pid_t child = fork();
  if (child == 0) {
    History history(file_);
    history.Begin({.command = "killed", .began = kStart});
    history.Append(At(kStart + 1, 5_GiB));
    history.Flush();
    raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  const std::vector<RunRow> runs = Runs();
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_FALSE(runs[0].end);
  EXPECT_EQ(runs[0].last_seen, kStart + 1);
  EXPECT_EQ(Points().size(), 1u);
}

TEST_F(HistoryTest, ADamagedFileIsSetAsideAndNeverDeleted) {
  fs::create_directories(file_.parent_path());
  std::ofstream(file_) << std::string(8192, 'x');
  {
    History history(file_);
    history.Begin({.command = "after", .began = kStart});
    EXPECT_THAT(history.TakeMessages(), ElementsAre(HasSubstr("was set aside as history.db.dam")));
  }
  EXPECT_EQ(Runs().size(), 1u);
  int kept = 0;
  for (const auto& entry : fs::directory_iterator(file_.parent_path())) {
    if (entry.path().filename().string().starts_with("history.db.damaged-")) {
      ++kept;
      EXPECT_EQ(entry.file_size(), 8192u);
    }
  }
  EXPECT_EQ(kept, 1);
}

TEST_F(HistoryTest, DamageThatShowsWhileWritingIsSetAsideToo) {
  {
    History history(file_);
    history.Begin({.command = "before", .began = kStart});
    for (int i = 0; i < 5000; ++i) history.Append(At(kStart + i, 1_GiB));
    history.End({.ended = kStart + 5000});
  }
  {  // the header stays
    std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(fs::file_size(file_) - 4096, 'x');
  }
  History history(file_);
  history.Begin({.command = "after", .began = kStart + 6000});
  history.Append(At(kStart + 6001, 2_GiB));
  history.Flush();
  EXPECT_THAT(history.TakeMessages(), ElementsAre(HasSubstr("set aside")));
  ASSERT_EQ(Runs().size(), 1u);
  EXPECT_EQ(Runs()[0].start.command, "after");
  EXPECT_EQ(Points().size(), 1u);
}

TEST_F(HistoryTest, AFileOfANewerVersionIsLeftAlone) {
  { History history(file_); }
  Outcome outcome;
  {
    auto database = Database::Open(file_, Missing::kFails, Journal::kLog, &outcome);
    ASSERT_EQ(database->Execute("PRAGMA user_version = 99"), Outcome::kDone);
  }
  History history(file_);
  history.Begin({.command = "x", .began = kStart});
  history.Append(At(kStart, 1_GiB));
  EXPECT_THAT(history.TakeMessages(), ElementsAre(HasSubstr("newer vramcast")));
  EXPECT_FALSE(HistoryReader::Open(file_, &messages_));
}

TEST_F(HistoryTest, AFullDiskLosesSamplesAndSaysSoOnce) {
  { History history(file_); }
  const pid_t child = fork();
  if (child == 0) {
    // No file may grow any more: what a write then says is what a full disk says.
    signal(SIGXFSZ, SIG_IGN);
    const rlimit none{.rlim_cur = 1, .rlim_max = 1};
    setrlimit(RLIMIT_FSIZE, &none);
    History history(file_);
    history.Begin({.command = "x", .began = kStart});
    int messages = 0;
    for (int i = 0; i < 100000; ++i) {
      history.Append(At(kStart + i, 1_GiB));
      messages += static_cast<int>(history.TakeMessages().size());
    }
    _exit(messages == 1 && history.samples_lost() > 80000 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Runs().size(), 0u);
}

TEST_F(HistoryTest, TheSizeIsBounded) {
  const Limits limits{.size = 1_MiB};
  History history(file_, limits);
  history.Begin({.command = "long", .began = kStart});
  for (int i = 0; i < 200000; ++i) history.Append(At(kStart + i, 1_GiB));
  history.End({.ended = kStart + 200000});
  EXPECT_LT(fs::file_size(file_), 3u << 20);
  const std::vector<Point> points = Points();
  EXPECT_GT(points.size(), 10000u);
  EXPECT_EQ(points.back().time, kStart + 199999);  // the newest stay
  EXPECT_EQ(Runs()[0].gpus[0].samples, 200000);
}

// A recorded series is played again into a file that is full of newer samples.
TEST_F(HistoryTest, WhatIsBeingWrittenStaysHoweverOldItsTimesAre) {
  const Limits limits{.size = 1_MiB};
  History history(file_, limits);
  history.Begin({.command = "newer", .began = kStart});
  for (int i = 0; i < 60000; ++i) history.Append(At(kStart + i, 1_GiB));
  for (const double earlier : {1000.0, 100 * 86400.0}) {
    history.Begin({.command = "recorded", .began = kStart - earlier});
    for (int i = 0; i < 30000; ++i) history.Append(At(kStart - earlier + i, 1_GiB));
    history.Flush();
    const std::vector<Point> points = Points();
    EXPECT_TRUE(std::any_of(points.begin(), points.end(), [&](const Point& point) {
      return point.time == kStart - earlier + 29999;
    })) << earlier;
  }
  EXPECT_LT(fs::file_size(file_), 3u << 20);
}

TEST_F(HistoryTest, WhatIsTooOldGoes) {
  {
    History history(file_);
    history.Begin({.command = "old", .began = kStart});
    history.End({.ended = kStart + 1});
    history.Begin({.command = "new", .began = kStart + 31 * 86400.0});
  }
  History history(file_);
  ASSERT_EQ(Runs().size(), 1u);
  EXPECT_EQ(Runs()[0].start.command, "new");
}

TEST_F(HistoryTest, ARunThatIsDeletedWhileItGoesOnBeginsAnew) {
  History history(file_);
  history.Begin({.command = "x", .began = kStart});
  history.Append(At(kStart + 1, 1_GiB));
  history.Flush();
  EXPECT_EQ(*Reader().Delete(1), 1);
  history.Append(At(kStart + 2, 2_GiB));
  history.Flush();
  EXPECT_THAT(history.TakeMessages(), IsEmpty());
  ASSERT_EQ(Runs().size(), 1u);
  EXPECT_EQ(Points().size(), 1u);
}

TEST_F(HistoryTest, TwoWritersShareAFile) {
  History one(file_), two(file_);
  one.Begin({.command = "one", .began = kStart});
  two.Begin({.command = "two", .began = kStart});
  for (int i = 0; i < 100; ++i) {
    one.Append(At(kStart + i, 1_GiB));
    two.Append(At(kStart + i, 2_GiB));
    one.Flush();
    two.Flush();
  }
  EXPECT_EQ(Points({.run = 1}).size(), 100u);
  EXPECT_EQ(Points({.run = 2}).size(), 100u);
}

}  // namespace
}  // namespace vramcast::store
