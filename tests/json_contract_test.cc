// Other programs rely on these JSON names: keys may be added, never renamed or dropped.
#include <gtest/gtest.h>

#include "binary.h"

namespace vramcast::tests {
namespace {

using nlohmann::json;

void ExpectKeys(const json& object, const std::vector<std::string>& keys,
                const std::string& where) {
  ASSERT_TRUE(object.is_object()) << where << " is " << object.dump().substr(0, 200);
  for (const std::string& key : keys) EXPECT_TRUE(object.contains(key)) << where << "." << key;
}

void ExpectForecast(const json& forecast) {
  ExpectKeys(forecast,
             {"schema", "version", "peak", "phases", "composition", "model", "capacity_bytes",
              "interval", "device_interval", "fits", "margin_bytes", "inputs"},
             "forecast");
  ExpectKeys(forecast["peak"], {"phase", "allocated_bytes", "reserved_bytes", "device_bytes"},
             "peak");
  ASSERT_FALSE(forecast["phases"].empty());
  for (const json& phase : forecast["phases"]) {
    ExpectKeys(phase, {"name", "peak_allocated_bytes", "peak_reserved_bytes"}, "phases[]");
  }
  int64_t composed = 0;
  for (const json& part : forecast["composition"]) {
    ExpectKeys(part, {"category", "bytes"}, "composition[]");
    composed += part["bytes"].get<int64_t>();
  }
  EXPECT_EQ(composed, forecast["peak"]["allocated_bytes"].get<int64_t>());
  ExpectKeys(forecast["interval"], {"low_bytes", "high_bytes"}, "interval");
  ExpectKeys(forecast["device_interval"], {"low_bytes", "high_bytes"}, "device_interval");
  EXPECT_TRUE(forecast["model"]["parameters"].is_number_integer());
  EXPECT_LE(forecast["interval"]["low_bytes"], forecast["peak"]["allocated_bytes"]);
  EXPECT_GE(forecast["interval"]["high_bytes"], forecast["peak"]["allocated_bytes"]);
  EXPECT_LE(forecast["peak"]["allocated_bytes"], forecast["peak"]["reserved_bytes"]);
  EXPECT_LE(forecast["peak"]["reserved_bytes"], forecast["peak"]["device_bytes"]);
}

TEST(JsonContract, ForecastWithACardDecides) {
  const Outcome outcome = RunVramcast({"forecast", "--depth=12", "--gpu", "h100", "--json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const json forecast = outcome.Json();
  ExpectForecast(forecast);
  EXPECT_TRUE(forecast["fits"].is_boolean());
  EXPECT_EQ(forecast["margin_bytes"], forecast["capacity_bytes"].get<int64_t>() -
                                          forecast["device_interval"]["high_bytes"].get<int64_t>());
}

TEST(JsonContract, ForecastWithoutACardDoesNotDecide) {
  const Outcome outcome = RunVramcast({"forecast", "--depth=12", "--json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  ExpectForecast(outcome.Json());
  EXPECT_TRUE(outcome.Json()["fits"].is_null());
  EXPECT_TRUE(outcome.Json()["capacity_bytes"].is_null());
}

TEST(JsonContract, AForecastThatDoesNotFitIsBadNews) {
  const Outcome outcome =
      RunVramcast({"forecast", "--depth=32", "--device-batch-size=32", "--gpu=rtx3090", "--json"});
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  EXPECT_EQ(outcome.Json()["fits"], false);
}

TEST(JsonContract, FitProposesACommandThatItForecasts) {
  const Outcome outcome = RunVramcast({"fit", "--depth=12", "--gpu", "rtx3090", "--json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const json fit = outcome.Json();
  ExpectKeys(fit,
             {"schema", "version", "device_batch_size", "total_batch_size", "grad_accum_steps",
              "command", "forecast", "candidates"},
             "fit");
  ExpectForecast(fit["forecast"]);
  EXPECT_EQ(fit["forecast"]["fits"], true);
  EXPECT_NE(fit["command"].get<std::string>().find(
                "--device-batch-size=" + std::to_string(fit["device_batch_size"].get<int>())),
            std::string::npos);
}

TEST(JsonContract, DiagnoseListsEventsFindingsAndRemedies) {
  const std::string log =
      "Traceback (most recent call last):\n"
      "  File \"/home/ada/train.py\", line 12, in <module>\n"
      "    loss.backward()\n"
      "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total "
      "capacity of 23.56 GiB of which 1.50 GiB is free. Including non-PyTorch memory, this process "
      "has 22.05 GiB memory in use. Of the allocated memory 21.00 GiB is allocated by PyTorch, and "
      "300.00 MiB is reserved by PyTorch but unallocated.\n";
  const Outcome outcome = RunVramcast({"diagnose", "-", "--json"}, {.input = log});
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  const json diagnosis = outcome.Json();
  ExpectKeys(diagnosis, {"schema", "version", "oom", "events", "findings", "remedies"}, "diagnose");
  ASSERT_EQ(diagnosis["events"].size(), 1u);
  ExpectKeys(diagnosis["oom"],
             {"is_vram_oom", "framework", "pattern", "phase", "device", "rank", "requested_bytes",
              "total_bytes", "free_bytes", "allocated_bytes", "reserved_bytes",
              "reserved_unallocated_bytes", "process_in_use_bytes", "allowed_bytes",
              "private_pools_bytes", "other_processes"},
             "oom");
  EXPECT_EQ(diagnosis["oom"]["requested_bytes"], int64_t{2} << 30);
  EXPECT_TRUE(diagnosis["oom"]["allowed_bytes"].is_null());
  ASSERT_FALSE(diagnosis["findings"].empty());
  ExpectKeys(diagnosis["findings"][0], {"cause", "confidence", "evidence"}, "findings[0]");
  EXPECT_EQ(diagnosis["findings"][0]["cause"], "capacity");
  ASSERT_FALSE(diagnosis["remedies"].empty());
  ExpectKeys(diagnosis["remedies"][0], {"action", "command", "forecast"}, "remedies[0]");
}

TEST(JsonContract, DiagnoseOfALogWithoutADeathIsGood) {
  const Outcome outcome =
      RunVramcast({"diagnose", "-", "--json"}, {.input = "step 1 loss 3.2\nstep 2 loss 3.1\n"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(outcome.Json()["oom"].is_null());
  EXPECT_TRUE(outcome.Json()["events"].empty());
}

TEST(JsonContract, InputThatCannotBeReadIsSaid) {
  EXPECT_EQ(RunVramcast({"diagnose", "/no/such/file.log", "--json"}).code, 3);
  EXPECT_EQ(RunVramcast({"forecast", "--gpu", "voodoo2", "--json"}).code, 2);
  EXPECT_EQ(RunVramcast({"forecast", "--depth", "zero", "--json"}).code, 2);
  EXPECT_EQ(RunVramcast({"forecast", "--depth", "-3", "--json"}).code, 2);
  EXPECT_EQ(RunVramcast({"forecast", "--revision", "nosuchrevision", "--json"}).code, 2);
}

}  // namespace
}  // namespace vramcast::tests
