// The reader and the writer of shared objects, against each other, against this program's own C
// library, and against the dynamic linker.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "dryrun/elf_reader.h"
#include "dryrun/elf_writer.h"
#include "dryrun/files.h"
#include "dryrun/resources.h"

namespace vramcast::dryrun {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;

std::span<const uint8_t> AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

StubLibrary SmallStub() {
  return {"libcudart.so.12",
          std::string(kDeviceLibrary),
          "vramcast_unknown",
          {{"cudaGetDeviceCount", "libcudart.so.12", "vramcast_cudaGetDeviceCount"},
           {"cudaFrobnicate", "libcudart.so.12", ""},
           {"cudaGetFrobs", "", ""},
           {"cudaMemGetInfo", "libcudart.so.11", "vramcast_cudaMemGetInfo"},
           {"cudaMemGetInfo", "libcudart.so.12", "vramcast_cudaMemGetInfo"}}};
}

TEST(ElfTest, ReadsWhatItWrites) {
  const auto library = ReadElf(AsBytes(WriteStub(SmallStub())));
  ASSERT_TRUE(library) << library.error().message;
  EXPECT_EQ(library->soname, "libcudart.so.12");
  EXPECT_THAT(library->needed, ElementsAre("libvramcast_device.so"));
  EXPECT_THAT(library->search_paths, ElementsAre("$ORIGIN"));
  EXPECT_THAT(library->defined, Contains(ElfSymbol{"cudaMemGetInfo", "libcudart.so.11", ""}));
  EXPECT_THAT(library->defined, Contains(ElfSymbol{"cudaGetFrobs", "", ""}));
  EXPECT_EQ(library->defined.size(), 5);
  EXPECT_THAT(library->undefined, Contains(Field(&ElfSymbol::name, "vramcast_unknown")));
}

TEST(ElfTest, ReadsALibraryThatALinkerMade) {
  Dl_info info{};
  ASSERT_NE(dladdr(reinterpret_cast<void*>(&dlsym), &info), 0);
  const auto file = MappedFile::Open(info.dli_fname);
  ASSERT_TRUE(file) << file.error().message;
  const auto library = ReadElf(file->bytes());
  ASSERT_TRUE(library) << library.error().message;
  EXPECT_EQ(library->soname, "libc.so.6");
  EXPECT_THAT(library->defined, Contains(Field(&ElfSymbol::name, "malloc")));
  EXPECT_THAT(library->undefined,
              Contains(Field(&ElfSymbol::library, testing::StartsWith("ld-linux"))));
}

TEST(ElfTest, EveryTruncationIsAnErrorOrAValue) {
  const std::string whole = WriteStub(SmallStub());
  for (size_t size = 0; size < whole.size(); size += 7) {
    (void)ReadElf(AsBytes(std::string_view(whole).substr(0, size)));
  }
  const auto nothing = ReadElf({});
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().kind, ErrorKind::kUnreadable);
}

TEST(ElfTest, AnythingElseIsRefused) {
  EXPECT_FALSE(ReadElf(AsBytes("#!/bin/sh\necho this is not a library, but long enough\n.......")));
}

// The stub and the library behind it, as a program finds them.
class LoadedStub : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("vramcast-elf-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    ASSERT_TRUE(WriteWhole(folder_ / kDeviceLibrary, DeviceLibrary()));
    ASSERT_TRUE(WriteWhole(folder_ / "libcudart.so.12", WriteStub(SmallStub())));
    handle_ = dlopen((folder_ / "libcudart.so.12").c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(handle_, nullptr) << dlerror();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  template <typename Function>
  Function* Find(const char* name) {
    return reinterpret_cast<Function*>(dlsym(handle_, name));
  }

  std::filesystem::path folder_;
  void* handle_ = nullptr;
};

TEST_F(LoadedStub, JumpsToTheDevice) {
  int count = -1;
  auto* get_count = Find<int(int*)>("cudaGetDeviceCount");
  ASSERT_NE(get_count, nullptr);
  EXPECT_EQ(get_count(&count), 0);
  EXPECT_GE(count, 1);
}

TEST_F(LoadedStub, HasTheVersionsThatWereAskedFor) {
  EXPECT_NE(dlvsym(handle_, "cudaMemGetInfo", "libcudart.so.11"), nullptr);
  EXPECT_NE(dlvsym(handle_, "cudaMemGetInfo", "libcudart.so.12"), nullptr);
  EXPECT_EQ(dlvsym(handle_, "cudaMemGetInfo", "libcudart.so.13"), nullptr);
}

TEST_F(LoadedStub, UnknownFunctionsSucceedAndThoseThatReturnDataAreNamed) {
  EXPECT_EQ(Find<int(int)>("cudaFrobnicate")(7), 0);
  int frobs = 5;
  EXPECT_EQ(Find<int(int*)>("cudaGetFrobs")(&frobs), 0);
  EXPECT_EQ(frobs, 5);
  char names[256] = {};
  auto* unknown = Find<int(char*, size_t)>("vramcast_device_unknown");
  EXPECT_GE(unknown(names, sizeof names), 1);
  EXPECT_THAT(names, testing::HasSubstr("cudaGetFrobs"));
  EXPECT_THAT(names, testing::Not(testing::HasSubstr("cudaFrobnicate")));
}

}  // namespace
}  // namespace vramcast::dryrun
