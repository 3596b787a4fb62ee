// What users and their tools do to a message must not change what is read from it.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "base/text.h"
#include "crashlog/fixtures_for_test.h"
#include "crashlog/scan.h"

namespace vramcast::crashlog {
namespace {

const std::vector<std::string_view> kMessages = {kMessage26, kMessage21, kMessage113, kMessage12,
                                                 kMessageMps};

std::string Wrap(std::string_view text, size_t width, const std::string& prefix) {
  std::string out;
  for (size_t i = 0; i < text.size(); i += width) {
    out += prefix;
    out += text.substr(i, width);
    out += '\n';
  }
  return out;
}

void ExpectSame(const OomEvent& want, const LogReport& report) {
  RC_ASSERT(report.events.size() == 1U);
  const OomEvent& got = report.events[0];
  RC_ASSERT(got.is_vram_oom);
  RC_ASSERT(got.requested == want.requested);
  RC_ASSERT(got.total == want.total);
  RC_ASSERT(got.free == want.free);
  RC_ASSERT(got.allocated == want.allocated);
  RC_ASSERT(got.reserved == want.reserved);
  RC_ASSERT(got.reserved_unallocated == want.reserved_unallocated);
  RC_ASSERT(got.process_in_use == want.process_in_use);
  RC_ASSERT(got.allowed == want.allowed);
  RC_ASSERT(got.private_pools == want.private_pools);
  RC_ASSERT(got.other_allocations == want.other_allocations);
  RC_ASSERT(got.other_processes.size() == want.other_processes.size());
}

OomEvent Clean(std::string_view message) { return ScanText(message).events.at(0); }

RC_GTEST_PROP(Damage, WrappingAtAnyColumn, ()) {
  const auto message = *rc::gen::elementOf(kMessages);
  const auto width = *rc::gen::inRange<size_t>(24, 200);
  const auto prefix = *rc::gen::element<std::string>(
      "", "    ", "# ", "[rank3]: ", "(EngineCore pid=72) ERROR 08-25 09:42:24 [core.py:700] ",
      "2026-01-02 03:04:05,678 - train - ERROR - ", "| ", "// ", "worker-3: ", "> ", "-- ");
  ExpectSame(Clean(message), ScanText(Wrap(message, width, prefix)));
}

RC_GTEST_PROP(Damage, ColoursAndCase, ()) {
  const auto message = *rc::gen::elementOf(kMessages);
  std::string text = ToLower(message);
  const auto places =
      *rc::gen::container<std::vector<size_t>>(5, rc::gen::inRange<size_t>(0, text.size()));
  for (const size_t place : places) {
    // Not into a colour code that is there already.
    const size_t at = std::min(place, text.find('\x1b'));
    text.insert(std::min(at, text.size()), "\x1b[1;31m");
  }
  ExpectSame(Clean(message), ScanText(text));
}

RC_GTEST_PROP(Damage, EscapedIntoJson, ()) {
  const auto message = *rc::gen::elementOf(kMessages);
  std::string text =
      "{\"id\": 7, \"error\": \"Traceback (most recent call last):\\n  File "
      "\\\"a.py\\\", line 3, in forward\\n    y = f(x)\\n";
  text += message;
  text += "\\n\", \"ok\": false}";
  const LogReport report = ScanText(text);
  ExpectSame(Clean(message), report);
  RC_ASSERT(report.events[0].frames.size() == 1U);
  RC_ASSERT(report.events[0].frames[0].file == "a.py");
}

RC_GTEST_PROP(Damage, CuttingNeverInventsANumber, ()) {
  const auto message = *rc::gen::elementOf(kMessages);
  const auto length = *rc::gen::inRange<size_t>(1, message.size());
  const OomEvent whole = Clean(message);
  const LogReport report = ScanText(std::string(message.substr(0, length)) + "\n- next line\n");
  for (const OomEvent& e : report.events) {
    RC_ASSERT(!e.requested || e.requested == whole.requested);
    RC_ASSERT(!e.total || e.total == whole.total);
    RC_ASSERT(!e.free || e.free == whole.free);
    RC_ASSERT(!e.allocated || e.allocated == whole.allocated);
    RC_ASSERT(!e.process_in_use || e.process_in_use == whole.process_in_use);
    RC_ASSERT(!e.reserved || e.reserved == whole.reserved);
    RC_ASSERT(!e.reserved_unallocated || e.reserved_unallocated == whole.reserved_unallocated);
  }
}

RC_GTEST_PROP(Damage, ChunksMayEndAnywhere, ()) {
  const auto message = *rc::gen::elementOf(kMessages);
  const auto before = *rc::gen::inRange<size_t>(0, 1300000);
  const auto chunk = *rc::gen::inRange<size_t>(1 << 10, 2 << 20);
  std::string text(before, 'x');
  text += "\n";
  text += message;
  text += "\n";
  text.append(*rc::gen::inRange<size_t>(0, 100000), 'y');
  Scanner scanner;
  for (size_t i = 0; i < text.size(); i += chunk) {
    scanner.Feed(std::string_view(text).substr(i, chunk));
  }
  const LogReport report = scanner.Finish();
  ExpectSame(Clean(message), report);
  RC_ASSERT(report.events[0].place.line == 2U);
  RC_ASSERT(report.bytes == text.size());
}

TEST(Damage, MarkdownAndTables) {
  const OomEvent want = Clean(kMessage26);
  const std::string bold = "| run 3 | **" + std::string(kMessage26) + "** | failed |\n";
  EXPECT_EQ(Clean(bold).allocated, want.allocated);
  EXPECT_EQ(Clean("```" + std::string(kMessage26) + "```").total, want.total);
}

TEST(Damage, RetypedByHand) {
  const OomEvent e = Clean(
      "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 74.00 MiB.\nGPU 0 ... 15.57 "
      "GiB total ... ~46 MiB free\nPyTorch allocated ~14.85 GiB; reserved but unallocated ~275 "
      "MiB\n");
  EXPECT_EQ(e.total, Bytes(16718160200));
  EXPECT_EQ(e.free, Bytes(46 << 20));
  EXPECT_EQ(e.allocated, Bytes(15945066086));
  EXPECT_EQ(e.reserved_unallocated, Bytes(275 << 20));
}

// The same numbers in other orders and words.
TEST(Damage, SentencesInAnotherOrder) {
  for (const char* text :
       {"CUDA OOM on GPU 0: 24.00 GiB total, 22.00 GiB allocated by PyTorch, 12.00 MiB free; tried "
        "to allocate 64.00 MiB.",
        "It dies with CUDA out of memory: tried to allocate 64 MiB, GPU has 24 GiB total, only 12 "
        "MiB free, PyTorch has 22 GiB allocated",
        "OOM! Tried to allocate 64.00 MiB on GPU 0 (total capacity 24.00 GiB, 22.00 GiB already "
        "allocated, 12.00 MiB free)",
        "torch.OutOfMemoryError: CUDA out of memory. GPU 0 has a total capacity of 24.00 GiB of "
        "which 12.00 MiB is free. Tried to allocate 64.00 MiB. Of the allocated memory 22.00 GiB "
        "is allocated by PyTorch.",
        "CUDA out of memory. Tried to allocate 64.00M (GPU 0; 24.00G total capacity; 22.00G "
        "already allocated; 12.00M free; 22.50G reserved in total by PyTorch)",
        "CUDA out of memory. Tried to allocate 64,00 MiB (GPU 0; 24,00 GiB total capacity; 22,00 "
        "GiB already allocated; 12,00 MiB free; 22,50 GiB reserved in total by PyTorch)"}) {
    const LogReport report = ScanText(text);
    ASSERT_EQ(report.events.size(), 1U) << text;
    const OomEvent& e = report.events[0];
    EXPECT_TRUE(e.is_vram_oom) << text;
    EXPECT_EQ(e.requested, Bytes(64 << 20)) << text;
    EXPECT_EQ(e.total, Bytes(24LL << 30)) << text;
    EXPECT_EQ(e.allocated, Bytes(22LL << 30)) << text;
    EXPECT_EQ(e.free, Bytes(12 << 20)) << text;
  }
}

}  // namespace
}  // namespace vramcast::crashlog
