// The files that the binary carries: the device library and the Python modules of the launcher.
#pragma once

#include <span>
#include <string_view>

namespace vramcast::dryrun {

struct Resource {
  std::string_view name;  // file name
  std::string_view bytes;
};

inline constexpr std::string_view kDeviceLibrary = "libvramcast_device.so";

std::string_view DeviceLibrary();
std::span<const Resource> PythonModules();

}  // namespace vramcast::dryrun
