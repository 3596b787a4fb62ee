// The metrics of `vramcast watch --listen` and the rules of packaging/prometheus, with Debian's
// promtool and a Prometheus of its own that scrapes over the loopback.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <regex>

#include "background.h"
#include "binary.h"

namespace vramcast::tests {
namespace {

using testing::HasSubstr;

const std::string kPackaging = VRAMCAST_SOURCE_DIR "/packaging/prometheus/";

// A port that nobody listens on now.
int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  bind(fd, reinterpret_cast<sockaddr*>(&address), length);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  close(fd);
  return ntohs(address.sin_port);
}

// However slow the machine is; it ends at once when it is true.
bool Eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 1200; ++i) {
    if (holds()) return true;
    usleep(100000);
  }
  return false;
}

bool HasPrometheus() {
  std::string out;
  return RunProgram({"promtool", "--version"}, &out) == 0 &&
         RunProgram({"prometheus", "--version"}, &out) == 0;
}

#define NEEDS_PROMETHEUS() \
  if (!HasPrometheus()) GTEST_SKIP() << "Debian's prometheus is not installed"

TEST(Prometheus, TheRulesDoWhatTheirTestsSay) {
  NEEDS_PROMETHEUS();
  std::string out;
  EXPECT_EQ(RunProgram({"promtool", "check", "config", kPackaging + "prometheus.yml"}, &out), 0)
      << out;
  EXPECT_EQ(RunProgram({"promtool", "test", "rules", kPackaging + "vramcast.rules.test.yml"}, &out),
            0)
      << out;
}

TEST(Prometheus, EveryMetricOfRulesAndDashboardIsExposed) {
  const std::string exposition = ReadFile(VRAMCAST_SOURCE_DIR "/src/monitor/exposition.cc");
  for (const char* name : {"vramcast.rules.yml", "grafana-dashboard.json"}) {
    const std::string text = ReadFile(kPackaging + name);
    ASSERT_FALSE(text.empty()) << name;
    const std::regex metric("vramcast_[a-z_]+");
    for (std::sregex_iterator at(text.begin(), text.end(), metric), end; at != end; ++at) {
      EXPECT_THAT(exposition, HasSubstr("\"" + at->str() + "\"")) << name;
    }
  }
  EXPECT_TRUE(nlohmann::json::accept(ReadFile(kPackaging + "grafana-dashboard.json")));
}

TEST(Prometheus, ScrapesAWatchAndAnAlertFires) {
  NEEDS_PROMETHEUS();
  const ScratchFolder folder;
  const std::string log = folder.path() + "/watch.log";
  Background watch({VRAMCAST_BINARY, "watch", "--gpu-source", "demo", "--interval", "0.5",
                    "--plain", "--listen", "127.0.0.1:0"},
                   log, {{"VRAMCAST_DATA_DIR", folder.path()}});
  std::smatch target;
  std::string said;
  const std::regex address(R"(http://(127\.0\.0\.1:\d+)/metrics)");
  ASSERT_TRUE(Eventually([&] {
    said = ReadFile(log);
    return std::regex_search(said, target, address);
  })) << said;

  // The rules as they are packaged, but without their patience.
  const std::string rules = ReadFile(kPackaging + "vramcast.rules.yml");
  folder.Write("rules.yml", std::regex_replace(rules, std::regex("for: \\d+m"), "for: 0s"));
  const std::string config = folder.Write(
      "prometheus.yml",
      "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\nrule_files: [rules.yml]\n"
      "scrape_configs:\n  - job_name: vramcast\n    static_configs:\n      - targets: ['" +
          target[1].str() + "']\n");
  const std::string where = "127.0.0.1:" + std::to_string(FreePort());
  Background prometheus({"prometheus", "--config.file=" + config, "--web.listen-address=" + where,
                         "--storage.tsdb.path=" + folder.path() + "/tsdb", "--log.level=error"},
                        folder.path() + "/prometheus.log");
  const auto query = [&](const std::string& expression) {
    std::string out;
    const int code =
        RunProgram({"promtool", "query", "instant", "http://" + where, expression}, &out);
    return code == 0 ? out : std::string();
  };
  EXPECT_TRUE(Eventually([&] {
    return query("vramcast_gpu_memory_used_bytes").find("gpu=\"0\"") != std::string::npos;
  })) << ReadFile(folder.path() + "/prometheus.log");
  EXPECT_TRUE(Eventually([&] {  // the made-up machine has a left-over process
    return query("ALERTS{alertname=\"GpuLeftoverProcess\",alertstate=\"firing\"}")
               .find("GpuLeftoverProcess") != std::string::npos;
  })) << ReadFile(folder.path() + "/prometheus.log");

  std::string out;
  const std::string check =
      "curl -sf http://" + target[1].str() + "/metrics | promtool check metrics";
  if (RunProgram({"sh", "-c", "command -v curl"}, &out) == 0) {
    EXPECT_EQ(RunProgram({"sh", "-c", check}, &out), 0) << out;
  }
}

TEST(Prometheus, AnAddressThatCannotBeHadIsSaid) {
  const Outcome bad = RunVramcast({"watch", "--gpu-source", "demo", "--listen", "9400"});
  EXPECT_EQ(bad.code, 2);
  EXPECT_THAT(bad.err, HasSubstr(":9400 is every interface"));
  EXPECT_EQ(RunVramcast({"watch", "--gpu-source", "demo", "--listen", "192.0.2.1:9400"}).code, 4);
}

}  // namespace
}  // namespace vramcast::tests
