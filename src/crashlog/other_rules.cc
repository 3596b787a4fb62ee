#include "crashlog/message.h"

namespace vramcast::crashlog {
namespace {

using F = Framework;
using W = Wording;

constexpr Rule kRules[] = {
    {W::kCudnnNotInitialized, F::kPytorch, R"(cudnn_status_not_initialized)"},
    {W::kTritonSharedMemory, F::kTriton,
     R"(outofresources?:(?:sharedmemory|tensormemory)|ranoutofmemoryinmemoryspace(?:vmem|smem))"},
    {W::kIllegalAccess, F::kPytorch, R"(illegalmemoryaccess|cuda_error_illegal_address)"},
    {W::kDeviceAssert, F::kPytorch, R"(device-sideasserttriggered)"},
    {W::kGarbageSize, F::kPytorch,
     R"((?:[a-z]{0,16}error:)?(?:(?:cuda|hip)?outofmemory\.?)?triedtoallocatemorethan1ebmemory)"},
    {W::kNcclTimeout, F::kPytorch, R"(watchdogcaughtcollectiveoperationtimeout)"},
};

}  // namespace

std::span<const Rule> OtherRules() { return kRules; }

}  // namespace vramcast::crashlog
