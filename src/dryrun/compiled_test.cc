#include "dryrun/compiled.h"

#include <gtest/gtest.h>

namespace vramcast::dryrun {
namespace {

constexpr std::string_view kSource = R"(# AOT ID: ['3_backward']
import torch
def call(args):
    buf0 = empty_strided_cuda((2, 3), (3, 1), torch.float32)
    # Topologically Sorted Source Nodes: [x], Original ATen: [aten.mm, extern_kernels.no]
    extern_kernels.mm(arg0, arg1, out=buf0)
    buf1 = empty_strided_cuda((2, 3), (3, 1), torch.float32)
    stream0 = get_raw_stream(0)
    triton_poi_fused__to_copy_add_mul_12.run(buf0, buf1, 6, stream=stream0)
    buf2 = torch.ops.aten._scaled_dot_product_flash_attention.default(buf1)
    buf3 = empty_strided_cuda((1, ), (1, ), torch.float32)
    return (buf3, )
def other():
    triton_red_fused_sum_0.run(buf3)
)";

TEST(CompiledTest, NamesThePart) {
  EXPECT_EQ(CompiledPart(kSource), "backward");
  EXPECT_EQ(CompiledPart("# AOT ID: ['"), "");
  EXPECT_FALSE(CompiledPart("import torch\n"));
  EXPECT_FALSE(CompiledPart(""));
}

TEST(CompiledTest, NamesTheKernelThatABufferIsFor) {
  EXPECT_EQ(KernelAfter(kSource, 4), "mm");
  EXPECT_EQ(KernelAfter(kSource, 7), "fused to copy add mul");
  EXPECT_EQ(KernelAfter(kSource, 10), "_scaled_dot_product_flash_attention");
  EXPECT_EQ(KernelAfter(kSource, 11), "");
  EXPECT_EQ(KernelAfter(kSource, 1000), "");
}

}  // namespace
}  // namespace vramcast::dryrun
