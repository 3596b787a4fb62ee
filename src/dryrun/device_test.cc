// The device through its C interface, as a program would use it, without PyTorch.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "dryrun/files.h"
#include "dryrun/resources.h"

namespace vramcast::dryrun {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr int kOutOfMemory = 2;
constexpr int kNotReady = 600;

// The library carried by this program, unpacked and loaded once.
class Device {
 public:
  Device() {
    // 1 GiB, of which the context takes 100 MiB and others 24 MiB: 900 MiB are left.
    setenv("VRAMCAST_DEVICE",
           "name=Test card;count=2;total=1073741824;context=104857600;other=25165824;major=8;"
           "minor=6;multiprocessors=82;cuda_version=12080;unknown=1",
           1);
    const auto folder =
        std::filesystem::temp_directory_path() / ("vramcast-device-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    const auto path = folder / kDeviceLibrary;
    if (WriteWhole(path, DeviceLibrary())) handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    std::filesystem::remove_all(folder);
  }

  template <typename... Arguments>
  int Call(const char* name, Arguments... arguments) {
    void* function =
        handle_ == nullptr ? nullptr : dlsym(handle_, (std::string("vramcast_") + name).c_str());
    if (function == nullptr) {
      ADD_FAILURE() << name << " is not there";
      return -1;
    }
    return reinterpret_cast<int (*)(Arguments...)>(function)(arguments...);
  }

 private:
  void* handle_ = nullptr;
};

Device& Gpu() {
  static auto* device = new Device;
  return *device;
}

size_t FreeBytes() {
  size_t free = 0, total = 0;
  EXPECT_EQ(Gpu().Call("cudaMemGetInfo", &free, &total), 0);
  EXPECT_EQ(total, 1024 * kMiB);
  return free;
}

void* Malloc(size_t size) {
  void* address = nullptr;
  EXPECT_EQ(Gpu().Call("cudaMalloc", &address, size), 0);
  return address;
}
void Free(void* address) { EXPECT_EQ(Gpu().Call("cudaFree", address), 0); }

TEST(DeviceTest, SaysWhatItIs) {
  int count = 0, major = 0, multiprocessors = 0;
  EXPECT_EQ(Gpu().Call("cudaGetDeviceCount", &count), 0);
  EXPECT_EQ(count, 2);
  EXPECT_EQ(Gpu().Call("cudaDeviceGetAttribute", &major, 75, 0), 0);
  EXPECT_EQ(major, 8);
  EXPECT_EQ(Gpu().Call("cuDeviceGetAttribute", &multiprocessors, 16, 1), 0);
  EXPECT_EQ(multiprocessors, 82);
  EXPECT_NE(Gpu().Call("cudaSetDevice", 2), 0) << "there are two";
  std::array<char, 1032> properties{};
  EXPECT_EQ(Gpu().Call("cudaGetDeviceProperties_v2", properties.data(), 0), 0);
  EXPECT_STREQ(properties.data(), "Test card");
}

TEST(DeviceTest, CountsEveryByteAndRefusesTheFirstTooMany) {
  const size_t before = FreeBytes();
  EXPECT_EQ(before, 900 * kMiB);
  void* first = Malloc(600 * kMiB);
  EXPECT_EQ(FreeBytes(), 300 * kMiB);
  void* second = nullptr;
  EXPECT_EQ(Gpu().Call("cudaMalloc", &second, 301 * kMiB), kOutOfMemory);
  EXPECT_EQ(Gpu().Call("cudaGetLastError"), kOutOfMemory);
  EXPECT_EQ(Gpu().Call("cudaGetLastError"), 0) << "an error is told once";
  second = Malloc(300 * kMiB);
  EXPECT_EQ(FreeBytes(), 0);
  Free(first);
  Free(second);
  EXPECT_EQ(FreeBytes(), before);
  EXPECT_NE(Gpu().Call("cudaFree", first), 0) << "twice";
}

TEST(DeviceTest, DevicesCountApart) {
  ASSERT_EQ(Gpu().Call("cudaSetDevice", 1), 0);
  void* there = Malloc(100 * kMiB);
  EXPECT_EQ(FreeBytes(), 800 * kMiB);
  ASSERT_EQ(Gpu().Call("cudaSetDevice", 0), 0);
  EXPECT_EQ(FreeBytes(), 900 * kMiB);
  Free(there);
}

// CUmemAllocationProp: type, handle types, location type (1: device), device, and more.
struct Properties {
  int type = 1, handle_types = 0, location_type = 1, device = 0;
  uint64_t rest[2] = {};
};

TEST(DeviceTest, MappedMemoryIsChargedUntilReleasedAndUnmapped) {
  const size_t before = FreeBytes();
  const Properties properties;
  char* address = nullptr;
  uint64_t handle = 0, too_large = 0;
  EXPECT_EQ(Gpu().Call("cuMemAddressReserve", &address, 1152 * kMiB, size_t{0}, nullptr, 0ull), 0);
  EXPECT_EQ(FreeBytes(), before) << "address space is free";
  EXPECT_EQ(Gpu().Call("cuMemCreate", &handle, 20 * kMiB, &properties, 0ull), 0);
  EXPECT_EQ(Gpu().Call("cuMemCreate", &too_large, 890 * kMiB, &properties, 0ull), kOutOfMemory);
  EXPECT_EQ(Gpu().Call("cuMemMap", address, 20 * kMiB, size_t{0}, handle, 0ull), 0);
  EXPECT_EQ(Gpu().Call("cuMemRelease", handle), 0);
  EXPECT_EQ(FreeBytes(), before - 20 * kMiB) << "still mapped";
  EXPECT_EQ(Gpu().Call("cuMemUnmap", address, 20 * kMiB), 0);
  EXPECT_EQ(FreeBytes(), before);
  EXPECT_EQ(Gpu().Call("cuMemAddressFree", address, 1152 * kMiB), 0);
}

TEST(DeviceTest, CopiesCarryBytes) {
  auto* device = static_cast<char*>(Malloc(4 * kMiB));
  const std::array<int, 4> sent = {1, 2, 3, 4};
  std::array<int, 4> got = {9, 9, 9, 9};
  constexpr size_t kSize = sizeof sent;
  Gpu().Call("cudaMemcpy", device, sent.data(), kSize, 1);
  int third = 0;
  Gpu().Call("cudaMemcpy", &third, device + 8, sizeof third, 2);
  EXPECT_EQ(third, 3);
  Gpu().Call("cudaMemcpyAsync", device + kMiB, device, kSize, 3, nullptr);
  Gpu().Call("cudaMemcpy", got.data(), device + kMiB, kSize, 2);
  EXPECT_EQ(got, sent) << "within the device";
  Gpu().Call("cudaMemset", device, 0, kSize);
  Gpu().Call("cudaMemcpy", got.data(), device, kSize, 2);
  EXPECT_EQ(got, (std::array<int, 4>{})) << "filled with zero";
  Gpu().Call("cudaMemcpy", got.data(), device + 2 * kMiB, kSize, 2);
  EXPECT_EQ(got, (std::array<int, 4>{})) << "never written";
  Free(device);
}

TEST(DeviceTest, WhatAKernelMayHaveOverwrittenReadsAsZero) {
  auto* device = static_cast<char*>(Malloc(kMiB));
  const std::array<int, 4> sent = {1, 2, 3, 4};
  Gpu().Call("cudaMemcpy", device, sent.data(), sizeof sent, 1);
  Gpu().Call("cudaLaunchKernel");
  int second = 9;
  Gpu().Call("cudaMemcpy", &second, device + 4, sizeof second, 2);
  EXPECT_EQ(second, 0) << "another tensor may lie there by now";
  std::array<int, 4> got{};
  Gpu().Call("cudaMemcpy", got.data(), device, sizeof got, 2);
  EXPECT_EQ(got, sent) << "the same place and size is the same tensor";
  Free(device);
}

TEST(DeviceTest, EveryCublasHandleIsNew) {
  void *first = nullptr, *second = nullptr;
  Gpu().Call("create", &first);
  Gpu().Call("create", &second);
  EXPECT_NE(first, second);
}

TEST(DeviceTest, EntryPointsAreFoundByName) {
  void *known = nullptr, *unknown = nullptr;
  int status = -1;
  EXPECT_EQ(Gpu().Call("cudaGetDriverEntryPoint", "cuMemGetInfo", &known, 0ull, &status), 0);
  EXPECT_EQ(status, 0);
  size_t free = 0, total = 0;
  EXPECT_EQ(reinterpret_cast<int (*)(size_t*, size_t*)>(known)(&free, &total), 0);
  EXPECT_EQ(total, 1024 * kMiB);
  EXPECT_EQ(
      Gpu().Call("cuGetProcAddress_v2", "cuFromTheFuture", &unknown, 13000, uint64_t{0}, &status),
      0);
  EXPECT_EQ(reinterpret_cast<int (*)()>(unknown)(), 0);
}

// One rank of two that plays PyTorch: collectives on a stream, an event after each, and a thread
// with the watchdog's name which polls it.
class Collective : public testing::Test {
 protected:
  void SetUp() override {
    struct Id {
      char bytes[128];
    };
    ASSERT_EQ(Gpu().Call("ncclCommInitRank", &communicator_, 2, Id{}, 0), 0);
    ASSERT_EQ(Gpu().Call("cudaStreamCreate", &stream_), 0);
    ASSERT_EQ(Gpu().Call("cudaEventCreate", &event_), 0);
  }

  void Issue() {
    Gpu().Call("ncclAllReduce", nullptr, nullptr, size_t{1}, 7, 0, communicator_, stream_);
    Gpu().Call("cudaEventRecord", event_, stream_);
  }

  // What the watchdog is told when it asks once.
  int AskAsWatchdog() {
    int answer = -1;
    std::thread watchdog([&] {
      pthread_setname_np(pthread_self(), "pt_nccl_watchdg");
      answer = Gpu().Call("cudaEventQuery", event_);
    });
    watchdog.join();
    return answer;
  }

  void* communicator_ = nullptr;
  void* stream_ = nullptr;
  void* event_ = nullptr;
};

TEST_F(Collective, LivesUntilTheNextOneAfterTheHostHasWaited) {
  Issue();
  EXPECT_EQ(Gpu().Call("cudaEventQuery", event_), 0) << "every other thread finds it done";
  EXPECT_EQ(AskAsWatchdog(), kNotReady);
  Gpu().Call("cudaDeviceSynchronize");
  EXPECT_EQ(AskAsWatchdog(), kNotReady) << "into the next forward pass";

  std::atomic<bool> stop = false, dropped = false;
  std::thread watchdog([&] {
    pthread_setname_np(pthread_self(), "pt_nccl_watchdg");
    while (!stop && !dropped) {
      dropped = Gpu().Call("cudaEventQuery", event_) == 0;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  void* second = nullptr;
  Gpu().Call("cudaEventCreate", &second);
  Gpu().Call("ncclAllReduce", nullptr, nullptr, size_t{1}, 7, 0, communicator_, stream_);
  EXPECT_TRUE(dropped) << "before the next collective is issued";
  stop = true;
  watchdog.join();
}

TEST_F(Collective, DoesNotLiveThroughManyWaits) {
  Issue();
  std::atomic<bool> dropped = false, stop = false;
  std::thread watchdog([&] {
    pthread_setname_np(pthread_self(), "pt_nccl_watchdg");
    while (!stop && !dropped) {
      dropped = Gpu().Call("cudaEventQuery", event_) == 0;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  for (int i = 0; i < 16; ++i) Gpu().Call("cudaStreamSynchronize", stream_);
  EXPECT_FALSE(dropped);
  Gpu().Call("cudaStreamSynchronize", stream_);
  EXPECT_TRUE(dropped);
  stop = true;
  watchdog.join();
}

}  // namespace
}  // namespace vramcast::dryrun
