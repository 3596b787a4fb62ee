#include "dryrun/stubs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vramcast::dryrun {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

const StubLibrary* Find(const std::vector<StubLibrary>& stubs, const std::string& soname) {
  for (const StubLibrary& stub : stubs) {
    if (stub.soname == soname) return &stub;
  }
  return nullptr;
}

MATCHER_P(Named, name, "") { return arg.name == name; }

TEST(StubsTest, KnowsWhoseASymbolIs) {
  EXPECT_EQ(LibraryOfSymbol("cudaMalloc"), "libcudart");
  EXPECT_EQ(LibraryOfSymbol("__cudaRegisterFatBinary"), "libcudart");
  EXPECT_EQ(LibraryOfSymbol("cuMemCreate"), "libcuda");
  EXPECT_EQ(LibraryOfSymbol("cuFileDriverOpen"), "libcufile");
  EXPECT_EQ(LibraryOfSymbol("cublasLtMatmul"), "libcublasLt");
  EXPECT_EQ(LibraryOfSymbol("cublasSgemm_v2"), "libcublas");
  EXPECT_EQ(LibraryOfSymbol("cusparseLtInit"), "libcusparseLt");
  EXPECT_EQ(LibraryOfSymbol("nvshmemx_init_status"), "libnvshmem_host");
  EXPECT_EQ(LibraryOfSymbol("nvmlInit_v2"), "libnvidia-ml");
  EXPECT_EQ(LibraryOfSymbol("current_device"), "");
  EXPECT_EQ(LibraryOfSymbol("cudagraph"), "");
  EXPECT_EQ(LibraryOfSymbol("malloc"), "");
}

TEST(StubsTest, KnowsWhatIsNvidias) {
  EXPECT_TRUE(IsNvidiaLibrary("libcudart.so.13"));
  EXPECT_TRUE(IsNvidiaLibrary("libcuda.so.1"));
  EXPECT_FALSE(IsNvidiaLibrary("libtorch_cuda.so"));
  EXPECT_FALSE(IsNvidiaLibrary("libc.so.6"));
}

TEST(StubsTest, GivesEachLibraryItsSymbolsAndVersions) {
  ElfLibrary torch;
  torch.soname = "libtorch_cuda.so";
  torch.needed = {"libcudart.so.13", "libnccl.so.2", "libc.so.6", "libcufft.so.12"};
  torch.undefined = {{"cudaMalloc", "libcudart.so.13", "libcudart.so.13"},
                     {"cudaNewThing", "libcudart.so.13", "libcudart.so.13"},
                     {"ncclAllReduce", "", ""},
                     {"cublasCreate_v2", "libcublas.so.13", "libcublas.so.13"},
                     {"malloc", "GLIBC_2.2.5", "libc.so.6"}};
  const std::vector<std::string> looked_up = {"cuMemCreate", "nvmlInit_v2"};
  const auto stubs = PlanStubs(std::span(&torch, 1), looked_up,
                               {"vramcast_cudaMalloc", "vramcast_ncclAllReduce",
                                "vramcast_cuMemMap", "vramcast_device_usage"});

  const StubLibrary* runtime = Find(stubs, "libcudart.so.13");
  ASSERT_NE(runtime, nullptr);
  ASSERT_EQ(runtime->symbols.size(), 2);
  EXPECT_EQ(runtime->symbols[0].target, "vramcast_cudaMalloc");
  EXPECT_EQ(runtime->symbols[0].version, "libcudart.so.13");
  EXPECT_EQ(runtime->symbols[1].target, "");

  const StubLibrary* nccl = Find(stubs, "libnccl.so.2");
  ASSERT_NE(nccl, nullptr);
  EXPECT_EQ(nccl->symbols[0].version, "");

  const StubLibrary* blas = Find(stubs, "libcublas.so.13");
  ASSERT_NE(blas, nullptr);
  EXPECT_EQ(blas->symbols[0].target, "vramcast_create");

  const StubLibrary* driver = Find(stubs, "libcuda.so.1");
  ASSERT_NE(driver, nullptr);
  EXPECT_THAT(driver->symbols, Contains(Named("cuMemCreate")));
  EXPECT_THAT(driver->symbols, Contains(Named("cuMemMap"))) << "looked up at run time";

  const StubLibrary* management = Find(stubs, "libnvidia-ml.so.1");
  ASSERT_NE(management, nullptr);
  EXPECT_EQ(management->symbols[0].target, "vramcast_not_supported");

  ASSERT_NE(Find(stubs, "libcufft.so.12"), nullptr) << "needed, though nothing of it is used";
  EXPECT_EQ(Find(stubs, "libc.so.6"), nullptr);
}

TEST(StubsTest, FindsDriverNamesInText) {
  EXPECT_THAT(DriverNamesIn("#define cuMemAlloc cuMemAlloc_v2\nint cudaX(); xcuNot(); cu"),
              ElementsAre("cuMemAlloc", "cuMemAlloc_v2"));
  EXPECT_THAT(DriverNamesIn(""), IsEmpty());
}

TEST(StubsTest, FindsNamesThatALibraryLooksUp) {
  using namespace std::string_view_literals;
  const auto names =
      LookedUpIn("\0nvmlInit_v2\0see cuMemCreate here\0cuMemMap\0cudaMalloc\0cuMemFre"sv);
  EXPECT_THAT(names, ElementsAre("cuMemMap", "nvmlInit_v2"));
  EXPECT_THAT(names, Not(Contains("cudaMalloc")));
}

}  // namespace
}  // namespace vramcast::dryrun
