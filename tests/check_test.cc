// `vramcast check` on made-up machines: a new and an old driver library, nvidia-smi, and none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "binary.h"
#include "fake_machine.h"

namespace vramcast::tests {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr int64_t kMiB = 1 << 20;

constexpr const char* kTwoGpus = R"({"driver": "570.86.15", "cuda": 12080, "gpus": [
  {"name": "NVIDIA GeForce RTX 3090", "uuid": "GPU-aaaa", "bus": "00000000:01:00.0",
   "capability": [8, 6], "utilization": 12, "temperature": 55, "total_mib": 24576,
   "reserved_mib": 440, "used_mib": 3000,
   "processes": [{"pid": "parent", "used_mib": 2500}, {"pid": 3999999, "used_mib": null}]},
  {"name": "NVIDIA A100-SXM4-80GB", "uuid": "GPU-bbbb", "capability": [8, 0], "ecc": 1, "mig": 0,
   "total_mib": 81920, "reserved_mib": 770, "used_mib": 0}]})";

Outcome Check(std::map<std::string, std::string> environment,
              std::vector<std::string> arguments = {"check", "--json"}) {
  environment.emplace("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
  return RunVramcast(arguments,
                     {.input = {}, .environment = std::move(environment), .directory = "/"});
}

TEST(Check, TellsWhatANewDriverTells) {
  const ScratchFolder folder;
  const Outcome outcome = Check(FakeNvml(folder, kTwoGpus));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const json check = outcome.Json();
  EXPECT_EQ(check["schema"], "vramcast.check");
  EXPECT_EQ(check["version"], 1);
  const json& machine = check["machine"];
  EXPECT_EQ(machine["source"], "nvml");
  EXPECT_EQ(machine["driver_version"], "570.86.15");
  EXPECT_EQ(machine["cuda_version"], "12.8");
  ASSERT_EQ(machine["gpus"].size(), 2u);
  const json& gpu = machine["gpus"][0];
  EXPECT_EQ(gpu["total_bytes"], 24576 * kMiB);
  EXPECT_EQ(gpu["used_bytes"], 3000 * kMiB);
  EXPECT_EQ(gpu["reserved_bytes"], 440 * kMiB);
  EXPECT_EQ(gpu["compute_capability"], "8.6");
  EXPECT_EQ(gpu["utilisation_percent"], 12);
  EXPECT_EQ(gpu["temperature_celsius"], 55);
  EXPECT_TRUE(gpu["ecc_enabled"].is_null());
  EXPECT_TRUE(gpu["mig_enabled"].is_null());
  EXPECT_EQ(gpu["card"]["sold_gb"], 24);
  EXPECT_EQ(machine["gpus"][1]["ecc_enabled"], true);
  EXPECT_EQ(machine["gpus"][1]["mig_enabled"], false);
}

TEST(Check, NamesTheProcessesOnAGpu) {
  const ScratchFolder folder;
  const json check = Check(FakeNvml(folder, kTwoGpus)).Json();
  const json& processes = check["machine"]["gpus"][0]["processes"];
  ASSERT_EQ(processes.size(), 2u);
  EXPECT_EQ(processes[0]["pid"], getpid());
  EXPECT_EQ(processes[0]["used_bytes"], 2500 * kMiB);
  EXPECT_TRUE(processes[1]["used_bytes"].is_null());
  EXPECT_TRUE(processes[1]["name"].is_null());
}

TEST(Check, TheSmallestGpuThatProgramsSeeDecides) {
  const ScratchFolder folder;
  auto environment = FakeNvml(folder, kTwoGpus);
  json check = Check(environment).Json();
  EXPECT_EQ(check["smallest"]["name"], "NVIDIA GeForce RTX 3090");
  EXPECT_EQ(check["smallest"]["capacity_bytes"], (24576 - 440) * kMiB);
  EXPECT_EQ(check["smallest"]["free_bytes"], (24576 - 440 - 3000) * kMiB);
  environment["CUDA_VISIBLE_DEVICES"] = "1";
  check = Check(environment).Json();
  EXPECT_EQ(check["smallest"]["name"], "NVIDIA A100-SXM4-80GB");
  EXPECT_EQ(check["machine"]["visible"].size(), 1u);
  EXPECT_EQ(check["machine"]["cuda_visible_devices"], "1");
  environment["CUDA_VISIBLE_DEVICES"] = "GPU-bbbb,GPU-aaaa";
  check = Check(environment).Json();
  EXPECT_EQ(check["machine"]["visible"][0]["uuid"], "GPU-bbbb");
  environment["CUDA_VISIBLE_DEVICES"] = "-1";
  const Outcome hidden = Check(environment, {"check"});
  EXPECT_EQ(hidden.code, 0);
  EXPECT_THAT(hidden.out, HasSubstr("hides every GPU"));
}

TEST(Check, AnOldDriverTellsLessAndNothingIsMadeUp) {
  const ScratchFolder folder;
  const Outcome outcome = Check(FakeNvml(folder, kTwoGpus, Driver::kOld));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const json check = outcome.Json();
  const json& gpu = check["machine"]["gpus"][0];
  EXPECT_TRUE(gpu["reserved_bytes"].is_null());
  EXPECT_TRUE(gpu["pci_bus"].is_null());
  EXPECT_EQ(gpu["used_bytes"], 3440 * kMiB);  // includes what the driver keeps
  EXPECT_EQ(gpu["processes"].size(), 2u);
  // What programs can have then comes from the catalogue.
  const auto capacity = check["smallest"]["capacity_bytes"].get<int64_t>();
  EXPECT_GT(capacity, 23 * 1024 * kMiB);
  EXPECT_LT(capacity, 24 * 1024 * kMiB);
}

TEST(Check, InstancesCountAsDevices) {
  const ScratchFolder folder;
  auto environment = FakeNvml(folder, R"({"gpus": [{"name": "NVIDIA A100-SXM4-40GB",
    "uuid": "GPU-a", "mig": 1, "total_mib": 40960, "reserved_mib": 600, "used_mib": 100,
    "processes": [{"pid": 3999999, "used_mib": 64, "gi": 2, "ci": 0}],
    "instances": [
      {"name": "NVIDIA A100-SXM4-40GB MIG 1g.5gb", "uuid": "MIG-1", "gi": 7, "ci": 0, "sms": 14,
       "total_mib": 4864, "used_mib": 12},
      {"name": "NVIDIA A100-SXM4-40GB MIG 3g.20gb", "uuid": "MIG-2", "gi": 2, "ci": 0, "sms": 42,
       "total_mib": 19968, "used_mib": 88}]}]})");
  environment["CUDA_VISIBLE_DEVICES"] = "MIG-2";
  const json check = Check(environment).Json();
  const json& gpu = check["machine"]["gpus"][0];
  ASSERT_EQ(gpu["instances"].size(), 2u);
  EXPECT_EQ(gpu["instances"][0]["name"], "1g.5gb");
  EXPECT_EQ(gpu["instances"][1]["multiprocessors"], 42);
  EXPECT_EQ(gpu["processes"][0]["instance"], "2/0");
  EXPECT_EQ(check["smallest"]["capacity_bytes"], 19968 * kMiB);
}

TEST(Check, WhatTheDriverRefusesIsUnknown) {
  const ScratchFolder folder;
  const Outcome outcome = Check(
      FakeNvml(folder, R"({"gpus": [{"name": "NVIDIA X", "refuse": ["memory", "processes"]}]})"));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const json gpu = outcome.Json()["machine"]["gpus"][0];
  EXPECT_TRUE(gpu["total_bytes"].is_null());
  EXPECT_EQ(gpu["processes_known"], false);
  EXPECT_TRUE(outcome.Json()["smallest"].is_null());
}

TEST(Check, ADriverThatDoesNotStartIsExplained) {
  const ScratchFolder folder;
  const auto said = [&folder](const char* script) {
    const Outcome outcome = Check(FakeNvml(folder, script), {"check"});
    EXPECT_EQ(outcome.code, 4) << script;
    return outcome.out;
  };
  EXPECT_THAT(said(R"({"init": 18, "gpus": []})"), HasSubstr("reboot"));
  EXPECT_THAT(said(R"({"init": 9, "gpus": []})"), HasSubstr("modprobe"));
  EXPECT_THAT(said(R"({"gpus": []})"), HasSubstr("lists no GPU"));
}

TEST(Check, NvidiaSmiStandsInForTheLibrary) {
  const ScratchFolder folder;
  // An old one, which does not know memory.reserved, mig.mode.current and compute_cap.
  folder.Write("gpus.csv",
               "index, name, uuid, pci.bus_id, driver_version, memory.total [MiB], memory.used "
               "[MiB], memory.free [MiB], utilization.gpu [%], temperature.gpu, ecc.mode.current\n"
               "0, Tesla T4, GPU-t4, 00000000:00:1E.0, 450.80, 15109 MiB, 120 MiB, 14989 MiB, 0 %, "
               "31, Enabled\n");
  folder.Write("apps.csv",
               "gpu_uuid, pid, process_name, used_gpu_memory [MiB]\n"
               "GPU-t4, 3999999, [Insufficient Permissions], 110 MiB\n");
  folder.Write("banner.txt", "| NVIDIA-SMI 450.80  Driver Version: 450.80  CUDA Version: 11.0 |\n");
  const Outcome outcome = Check(FakeSmi(folder));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const json machine = outcome.Json()["machine"];
  EXPECT_EQ(machine["source"], "nvidia-smi");
  EXPECT_EQ(machine["cuda_version"], "11.0");
  EXPECT_EQ(machine["gpus"][0]["total_bytes"], 15109 * kMiB);
  EXPECT_EQ(machine["gpus"][0]["processes"][0]["used_bytes"], 110 * kMiB);
  EXPECT_TRUE(machine["gpus"][0]["reserved_bytes"].is_null());
}

TEST(Check, ANvidiaSmiThatFailsIsExplained) {
  const ScratchFolder folder;
  folder.Write("error.txt",
               "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n");
  const Outcome outcome = Check(FakeSmi(folder), {"check", "--gpu-source", "nvidia-smi"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.out, HasSubstr("modprobe"));
}

TEST(Check, TheDemoShowsALeftoverProcessAndHowToEndIt) {
  const Outcome outcome = Check({}, {"check", "--gpu-source", "demo"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("RTX 3090"));
  EXPECT_THAT(outcome.out, HasSubstr("kill 4242"));
  EXPECT_THAT(outcome.out, HasSubstr("made-up"));
  const json check = Check({}, {"check", "--gpu-source", "demo", "--json"}).Json();
  ASSERT_EQ(check["leftovers"].size(), 1u);
  EXPECT_EQ(check["leftovers"][0]["end_command"], "kill 4242");
  EXPECT_EQ(check["leftovers"][0]["leftover"], "orphan");
  const std::string command = check["recommendation"]["command"];
  EXPECT_THAT(command, HasSubstr("scripts.base_train"));
  EXPECT_THAT(command, HasSubstr("device-batch-size="));
}

TEST(Check, MoreGpusGetTorchrun) {
  const ScratchFolder folder;
  const json check = Check(FakeNvml(folder, kTwoGpus)).Json();
  EXPECT_THAT(check["recommendation"]["command"].get<std::string>(),
              HasSubstr("--nproc_per_node=2"));
  EXPECT_EQ(check["recommendation"]["world_size"], 2);
}

TEST(Check, NoLineIsWiderThanATerminalExceptCommands) {
  const ScratchFolder folder;
  const Outcome outcome = Check(FakeNvml(folder, kTwoGpus), {"check", "--explain"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("kept by the driver"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("\x1b[")));
}

TEST(Check, WrongUseIsSaid) {
  EXPECT_EQ(Check({}, {"check", "--gpu-source", "rocm"}).code, 2);
  EXPECT_EQ(Check({}, {"check", "--gpu-source", "demo", "--", "python", "x.py"}).code, 2);
  EXPECT_EQ(Check({}, {"check", "--gpu-source", "demo", "--nanochat", "/nowhere"}).code, 3);
}

}  // namespace
}  // namespace vramcast::tests
