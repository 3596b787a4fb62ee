#include "gpu/smi_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace vramcast::gpu {
namespace {

using namespace literals;  // NOLINT: sizes
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kTwoGpus =
    "index, name, uuid, driver_version, memory.total [MiB], memory.used [MiB], memory.free [MiB], "
    "memory.reserved [MiB], utilization.gpu [%], compute_cap, mig.mode.current, ecc.mode.current\n"
    "0, NVIDIA A40, GPU-1, 550.54, 46068 MiB, 1000 MiB, 44500 MiB, 568 MiB, 35 %, 8.6, [N/A], "
    "Enabled\n"
    "1, NVIDIA A40, GPU-2, 550.54, [Insufficient Permissions], [N/A], N/A, [Not Supported], [N/A], "
    "[N/A], Disabled, Disabled\n";

TEST(ParseSmiGpus, ReadsWhatIsToldAndLeavesTheRestUnknown) {
  const auto machine = ParseSmiGpus(kTwoGpus);
  ASSERT_TRUE(machine);
  ASSERT_EQ(machine->gpus.size(), 2u);
  EXPECT_EQ(machine->driver_version, "550.54");
  const Gpu& first = machine->gpus[0];
  EXPECT_EQ(first.total, 46068_MiB);
  EXPECT_EQ(first.reserved, 568_MiB);
  EXPECT_EQ(first.utilisation, 35);
  EXPECT_EQ(first.capability, (ComputeCapability{8, 6}));
  EXPECT_EQ(first.ecc_enabled, true);
  EXPECT_FALSE(first.mig_enabled.has_value());
  EXPECT_FALSE(first.pci_bus.has_value());
  const Gpu& second = machine->gpus[1];
  EXPECT_FALSE(second.total || second.used || second.free || second.reserved || second.capability);
  EXPECT_EQ(second.mig_enabled, false);
}

TEST(ParseSmiGpus, PassesOverWarningsAndCountsBrokenLines) {
  const auto machine = ParseSmiGpus(
      "WARNING: infoROM is corrupted at gpu 0000:01:00.0\nindex, name\n0, Tesla T4\n1\n");
  ASSERT_TRUE(machine);
  EXPECT_EQ(machine->gpus.size(), 1u);
  EXPECT_THAT(machine->notes, ElementsAre(HasSubstr("1 lines")));
  EXPECT_FALSE(ParseSmiGpus("").has_value());
  EXPECT_FALSE(ParseSmiGpus("Segmentation fault").has_value());
}

TEST(AddSmiProcesses, KeepsCommasInNamesAndSkipsForeignGpus) {
  auto machine = *ParseSmiGpus(kTwoGpus);
  AddSmiProcesses(
      "gpu_uuid, pid, process_name, used_gpu_memory [MiB]\n"
      "GPU-1, 17, /opt/my, odd/python3, 512 MiB\n"
      "GPU-2, 18, [Not Found], [N/A]\n"
      "GPU-9, 19, x, 1 MiB\n",
      &machine);
  ASSERT_EQ(machine.gpus[0].processes.size(), 1u);
  EXPECT_EQ(machine.gpus[0].processes[0].pid, 17);
  EXPECT_EQ(machine.gpus[0].processes[0].name, "python3");
  EXPECT_EQ(machine.gpus[0].processes[0].used, 512_MiB);
  ASSERT_EQ(machine.gpus[1].processes.size(), 1u);
  EXPECT_FALSE(machine.gpus[1].processes[0].used || machine.gpus[1].processes[0].name);
  EXPECT_THAT(machine.notes, ElementsAre(HasSubstr("1 processes")));
}

TEST(AddSmiInstances, ReadsTheListOfInstances) {
  auto machine = *ParseSmiGpus(kTwoGpus);
  AddSmiInstances(
      "GPU 0: NVIDIA A40 (UUID: GPU-1)\n  MIG 1g.5gb     Device  0: (UUID: MIG-5)\n"
      "GPU 1: NVIDIA A40 (UUID: GPU-2)\n  MIG 3g.20gb    Device  0: (UUID: MIG-6)\n",
      &machine);
  ASSERT_EQ(machine.gpus[0].instances.size(), 1u);
  EXPECT_EQ(machine.gpus[0].instances[0].name, "1g.5gb");
  EXPECT_EQ(machine.gpus[0].instances[0].uuid, "MIG-5");
  EXPECT_LT(machine.gpus[1].instances[0].total, 20_GiB);
}

TEST(InvalidSmiColumn, NamesTheColumnToLeaveOut) {
  EXPECT_EQ(InvalidSmiColumn("Field \"memory.reserved\" is not a valid field to query.\n\n"),
            "memory.reserved");
  EXPECT_FALSE(InvalidSmiColumn(kTwoGpus).has_value());
  EXPECT_FALSE(InvalidSmiColumn("\" is not a valid field").has_value());
}

TEST(ExplainSmi, NamesTheKnownFailures) {
  EXPECT_THAT(ExplainSmi(18, "Failed to initialize NVML: Driver/library version mismatch"),
              HasSubstr("reboot"));
  EXPECT_THAT(ExplainSmi(9,
                         "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA "
                         "driver. Make sure that the latest NVIDIA driver is installed"),
              HasSubstr("modprobe"));
  EXPECT_THAT(ExplainSmi(6, "No devices were found"), HasSubstr("no GPU"));
  EXPECT_THAT(ExplainSmi(3, "oops\nmore"), HasSubstr("exit code 3: oops"));
  EXPECT_EQ(CudaVersionInBanner("| Driver Version: 550.54   CUDA Version: 12.4     |"), "12.4");
}

RC_GTEST_PROP(SmiText, AnyTextIsSurvived, (const std::string& text)) {
  Machine machine = *ParseSmiGpus(kTwoGpus);
  AddSmiProcesses(text, &machine);
  AddSmiInstances(text, &machine);
  const auto parsed = ParseSmiGpus("index, name\n" + text);
  RC_ASSERT(parsed.has_value());
}

}  // namespace
}  // namespace vramcast::gpu
