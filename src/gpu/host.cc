#include "gpu/host.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <vector>

#include "base/text.h"

namespace vramcast::gpu {
namespace {

namespace fs = std::filesystem;

// A small file's contents, at most `limit` bytes; nothing if it cannot be read.
std::optional<std::string> ReadSmall(const std::string& path, size_t limit = 1 << 16) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  std::string text(limit, '\0');
  size_t length = 0;
  while (length < limit) {
    const ssize_t got = read(file, text.data() + length, limit - length);
    if (got <= 0) break;
    length += static_cast<size_t>(got);
  }
  close(file);
  text.resize(length);
  return text;
}

struct Stat {
  std::string name;
  char state = '?';
  int64_t parent = 0;
  int64_t session = 0;
  uint64_t start_ticks = 0;
};

// proc(5): "pid (name) state ppid pgrp session … starttime(22) …". The name may hold anything, even
// parentheses, so the last one ends it.
std::optional<Stat> ParseStat(std::string_view text) {
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return std::nullopt;
  }
  const std::vector<std::string_view> fields = Split(Trim(text.substr(close + 1)), ' ');
  constexpr size_t kState = 0, kParent = 1, kSession = 3, kStart = 19;
  if (fields.size() <= kStart || fields[kState].size() != 1) return std::nullopt;
  Stat stat{.name = std::string(text.substr(open + 1, close - open - 1)),
            .state = fields[kState][0]};
  stat.parent = ParseInt(fields[kParent]).value_or(0);
  stat.session = ParseInt(fields[kSession]).value_or(0);
  stat.start_ticks = static_cast<uint64_t>(ParseInt(fields[kStart]).value_or(0));
  return stat;
}

std::string JoinArguments(std::string raw) {
  while (!raw.empty() && raw.back() == '\0') raw.pop_back();
  for (char& c : raw) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return raw;
}

std::optional<std::string> UserName(uid_t uid) {
  std::array<char, 4096> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
    return std::nullopt;
  }
  return std::string(found->pw_name);
}

}  // namespace

std::optional<ProcessFacts> Host::Process(int64_t pid) const {
  const std::string folder = root_ + "/proc/" + std::to_string(pid);
  const auto text = ReadSmall(folder + "/stat");
  const auto stat = text ? ParseStat(*text) : std::nullopt;
  if (!stat) return std::nullopt;
  ProcessFacts facts{.name = stat->name,
                     .parent = stat->parent,
                     .session = stat->session,
                     .start_ticks = stat->start_ticks,
                     .state = stat->state};
  facts.command_line = JoinArguments(ReadSmall(folder + "/cmdline", 4096).value_or(""));
  struct stat owner {};
  if (::stat(folder.c_str(), &owner) == 0) {
    facts.uid = owner.st_uid;
    facts.user = UserName(owner.st_uid);
  }
  const auto parent = ReadSmall(root_ + "/proc/" + std::to_string(stat->parent) + "/stat");
  if (const auto parent_stat = parent ? ParseStat(*parent) : std::nullopt) {
    facts.parent_name = parent_stat->name;
  }
  return facts;
}

Host::Life Host::LifeOf(int64_t pid) const {
  const auto text = ReadSmall(root_ + "/proc/" + std::to_string(pid) + "/stat", 1024);
  const auto stat = text ? ParseStat(*text) : std::nullopt;
  if (!stat) return {};
  return {.start_ticks = stat->start_ticks, .state = stat->state, .parent = stat->parent};
}

std::optional<std::string> Host::Variable(int64_t pid, std::string_view name) const {
  constexpr size_t kMost = 1 << 20;
  const auto text = ReadSmall(root_ + "/proc/" + std::to_string(pid) + "/environ", kMost);
  if (!text) return std::nullopt;
  const std::string wanted = std::string(name) + "=";
  for (const std::string_view entry : Split(*text, '\0')) {
    if (entry.starts_with(wanted)) return std::string(entry.substr(wanted.size()));
  }
  return std::nullopt;
}

std::optional<std::string> Host::WorkingFolder(int64_t pid) const {
  std::error_code error;
  const fs::path folder = fs::read_symlink(root_ + "/proc/" + std::to_string(pid) + "/cwd", error);
  return error ? std::nullopt : std::optional(folder.string());
}

std::optional<bool> Host::HoldsGpu(int64_t pid) const {
  std::error_code error;
  fs::directory_iterator files(root_ + "/proc/" + std::to_string(pid) + "/fd", error);
  if (error) return std::nullopt;
  for (; files != fs::directory_iterator(); files.increment(error)) {
    if (error) return std::nullopt;
    const fs::path target = fs::read_symlink(files->path(), error);
    if (!error && target.string().starts_with("/dev/nvidia")) return true;
    if (!error && target.string() == "/dev/dxg") return true;  // WSL
  }
  return false;
}

bool Host::Exists(int64_t pid) const {
  if (fs::exists(root_ + "/proc/" + std::to_string(pid))) return true;
  if (!root_.empty()) return false;
  return pid > 0 && (kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM);
}

bool Host::InContainer() const {
  std::error_code error;
  if (fs::exists(root_ + "/.dockerenv", error) || fs::exists(root_ + "/run/.containerenv", error)) {
    return true;
  }
  const std::string groups = ReadSmall(root_ + "/proc/1/cgroup").value_or("");
  for (const char* mark : {"docker", "kubepods", "containerd", "/lxc", "libpod"}) {
    if (groups.find(mark) != std::string::npos) return true;
  }
  // systemd-nspawn, podman and Kubernetes tell their first process.
  return ReadSmall(root_ + "/proc/1/environ").value_or("").find("container=") != std::string::npos;
}

bool Host::NvidiaOnPciBus() const {
  std::error_code error;
  fs::directory_iterator devices(root_ + "/sys/bus/pci/devices", error);
  for (; !error && devices != fs::directory_iterator(); devices.increment(error)) {
    const std::string folder = devices->path().string();
    const auto vendor = ReadSmall(folder + "/vendor", 64);
    const auto kind = ReadSmall(folder + "/class", 64);
    // 0x10de is NVIDIA; class 0x03 a display or 3D controller.
    if (vendor && kind && Trim(*vendor) == "0x10de" && kind->starts_with("0x03")) return true;
  }
  return false;
}

std::optional<Host::MemoryInfo> Host::SystemMemory() const {
  std::istringstream lines(ReadSmall(root_ + "/proc/meminfo").value_or(""));
  std::optional<int64_t> total;
  std::optional<int64_t> available;
  std::string key;
  std::string unit;
  int64_t kib = 0;
  while (lines >> key >> kib) {
    if (key == "MemTotal:") total = kib;
    if (key == "MemAvailable:") available = kib;
    std::getline(lines, unit);
  }
  if (!total || !available) return std::nullopt;
  return MemoryInfo{.total = Bytes(*total << 10), .available = Bytes(*available << 10)};
}

std::optional<std::string> Host::Name() const {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return std::nullopt;
  return std::string(name.data());
}

std::string ExplainNoDriver(const Host& host) {
  if (host.NvidiaOnPciBus()) {
    return "an NVIDIA GPU is on this machine's bus, but its driver library (libnvidia-ml.so.1) is "
           "not installed here: install the driver, or start the container with its GPUs "
           "(docker run --gpus all)";
  }
  if (host.InContainer()) {
    return "no NVIDIA driver library (libnvidia-ml.so.1) in this container: it was started without "
           "GPUs (docker run --gpus all), or its host has none";
  }
  return "no NVIDIA GPU is visible here: there is no driver library (libnvidia-ml.so.1) and no "
         "NVIDIA device on the bus";
}

}  // namespace vramcast::gpu
