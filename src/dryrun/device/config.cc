#include "dryrun/device/config.h"

#include <cstdlib>
#include <string_view>

namespace vramcast::device {

Config ParseConfig(const char* text) {
  Config config;
  std::string_view rest = text == nullptr ? "" : text;
  while (!rest.empty()) {
    const size_t end = rest.find(';');
    const std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = pair.substr(0, equals);
    const std::string value(pair.substr(equals + 1));
    const uint64_t number = std::strtoull(value.c_str(), nullptr, 10);
    const auto small = static_cast<int>(number);
    if (key == "name") config.name = value;
    if (key == "count") config.count = small;
    if (key == "total") config.total = number;
    if (key == "context") config.context = number;
    if (key == "other") config.other = number;
    if (key == "communicator") config.communicator = number;
    if (key == "major") config.major = small;
    if (key == "minor") config.minor = small;
    if (key == "multiprocessors") config.multiprocessors = small;
    if (key == "threads_per_multiprocessor") config.threads_per_multiprocessor = small;
    if (key == "shared_per_multiprocessor") config.shared_per_multiprocessor = number;
    if (key == "shared_per_block") config.shared_per_block = number;
    if (key == "l2") config.l2 = number;
    if (key == "cuda_version") config.cuda_version = small;
    if (key == "cudnn_version") config.cudnn_version = small;
    if (key == "nccl_version") config.nccl_version = small;
    if (key == "linger") config.linger = number != 0;
  }
  return config;
}

const Config& GetConfig() {
  static const Config* config = new Config(ParseConfig(std::getenv("VRAMCAST_DEVICE")));
  return *config;
}

}  // namespace vramcast::device
