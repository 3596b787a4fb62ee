#include "crashlog/message.h"

namespace vramcast::crashlog {
namespace {

using F = Framework;
using W = Wording;

constexpr Rule kRules[] = {
    // The caching allocators of PyTorch and its relatives; what follows is read by field.
    {W::kAllocator, F::kPytorch,
     R"((?:(?:torch\.)?(?:cuda\.)?outofmemoryerror[:(]{0,2})?(?:cuda|hip|xpu|npu|mlu|gcu|musa|supa|maca|sdaa|ppu|gpu|device)?outofmemory[.:!,]?triedtoallocate(?P<requested>~S)?)"},
    {W::kAllocator, F::kPytorch,
     R"((?:error:|error\(|exception:|failed:|failure:|problem:)(?:cuda|hip|xpu|npu|mlu|gcu|musa|supa)outofmemory(?:[.:!,]?triedtoallocate(?P<requested>~S)?)?)"},
    {W::kAllocator, F::kLibtorch,
     R"(instanceofc10::(?:cuda)?outofmemoryerror(?:what\(\):)?(?:(?:cuda|hip|xpu|npu)outofmemory)?(?:\.triedtoallocate(?P<requested>~S)?)?)"},
    {W::kMps, F::kPytorchMps, R"(mpsbackendoutofmemory)"},
    {W::kAsyncAllocator, F::kPytorch,
     R"((?:outofmemoryerror:)?allocationondevice(?P<device>\d*)wouldexceedallowedmemory|outofmemoryerror:allocationondevice(?P<device2>\d*))"},
    // A message that lost its head.
    {W::kAllocator, F::kPytorch, R"((?:gpu|npu|xpu|device).{0,3}hasatotalcapac)"},
    {W::kAllocator, F::kPytorch, R"(~Stotalcapacity;~Salreadyallocated)"},
    {W::kAllocator, F::kPytorch, R"(~Sisallocatedbypytorch,(?:and|with)~S)"},
    {W::kAllocator, F::kPytorch,
     R"((?:^|[^u])triedtoallocate(?P<requested>~S)(?:\.gpu|\((?:gpu|npu)))"},

    // The sentences in another order.
    {W::kAllocator, F::kPytorch,
     R"((?:cuda|hip|gpu|vram)(?:oom|outofmemory):?(?:[^:]|\d:){0,160}?[^u]triedtoallocate(?P<requested>~S))"},
    {W::kAllocator, F::kPytorch,
     R"(triedtoallocate(?P<requested>~S)(?:on|from)?(?:gpu|cuda|device)?:?\d{0,2}[,;.(]{0,2}(?:totalcapacity|~Stotal|~Sfree|only~S|~Salready))"},

    // Only the first words are left.
    {W::kAllocator, F::kPytorch, R"((?:cuda|hip|xpu|npu|gpu)outofmemory)"},

    // Raw calls of the driver and the runtime.
    {W::kPrimaryContext, F::kPytorch,
     R"(cuda_error_out_of_memory\)?fromcudeviceprimaryctxretain|cudeviceprimaryctxretain.{0,60}(?:out_of_memory|outofmemory))"},
    {W::kDriverError, F::kPytorch, R"((?:cuda|hip)drivererror:outofmemory)"},
    {W::kCudaError, F::kPytorch, R"((?:cuda|hip|musa)error:outofmemory)"},
    {W::kCudaError, F::kTriton, R"(tritonerror\[(?:cuda|hip)\]:outofmemory)"},
    // How bitsandbytes reports a raw call.
    {W::kCudaError, F::kPytorch, R"(erroroutofmemoryatline\d+infile)"},
    {W::kPrimaryContext, F::kTensorflow,
     R"(implicitinitializationon\w+:\d+failed\.status:outofmemory)"},
    {W::kLuaTorch, F::kTorch7,
     R"(thcudacheckfail.{0,200}error=2:outofmemory|cuda(?:runtime)?error\(2\):outofmemory)"},
    {W::kNvmlAssert, F::kPytorch, R"(nvml_success==.{0,80}internalassertfailed)"},
    {W::kJetsonNvMap, F::kPytorch, R"(nvmapmemalloc\w*:\d*error12)"},

    // Libraries that say it in their own way.
    {W::kCublasAllocFailed, F::kPytorch, R"(cublas_status_alloc_failed)"},
    {W::kCublasNotInitialized, F::kTensorflow,
     R"(failedtocreatecublashandle:cublas_status_(?:not_initialized|alloc_failed))"},
    {W::kCublasNotInitialized, F::kPytorch, R"(cublas_status_not_initialized)"},
    {W::kMxnet, F::kMxnet,
     R"(createcublashandlefailed|cudamallocretryfailed:outofmemory|createcudnnhandlefailed)"},
    {W::kCudnnAllocFailed, F::kPytorch,
     R"(cudnn_status_alloc_failed|cudnn_status_internal_error_device_allocation_failed)"},
    {W::kCudnnNoAlgorithm, F::kPytorch, R"(unabletofindavalidcudnnalgorithm)"},
    {W::kNccl, F::kPytorch,
     R"(ncclwarn(?:.{0,40}\))?(?:cuda|hip)failure[ \[(]?\d{0,3}[\])]?outofmemory|failedtocudacalloc(?:async|host)?(?P<library>~D)|(?:cuda|hip)failure[ \[(]?\d{1,3}[\])]?outofmemory)"},

    // XLA.
    {W::kXla, F::kJax,
     R"((?:resource_exhausted:)?outofmemorywhiletryingtoallocate(?P<requested>~G)?)"},
    {W::kXla, F::kJax, R"(resource_exhausted:outofmemoryallocating(?P<requested>~Dbytes))"},
    {W::kXla, F::kJax,
     R"(failedtoallocaterequestfor[\d.]+[kmgt]?i?b?\((?P<requested>~D)b\)ondeviceordinal(?P<device>\d+))"},
    {W::kXlaHbm, F::kJax, R"(ranoutofmemoryinmemoryspacehbm(?:\.used~Gof(?P<total>~G)hbm)?)"},
    {W::kXlaHbm, F::kJax,
     R"(attemptingto(?:reserve|allocate)(?P<requested>~G)(?:atthebottomofmemory)?\.thatwasnotpossible\.there(?:are|is)(?P<free>~G)free)"},

    // TensorFlow, and the allocator that JAX shares with it.
    {W::kPoolBackOff, F::kTensorflow,
     R"((?:allocator\([^)]*\))?ranoutofmemorytryingtoallocate~G.{0,160}thecallerindicatesthatthisisnotafailure)"},
    {W::kTensorflow, F::kTensorflow,
     R"(allocator\(gpu_(?P<device>\d+)_bfc\)ranoutofmemorytryingtoallocate(?P<requested>~G))"},
    {W::kTensorflow, F::kTensorflow,
     R"(oomwhenallocatingtensor(?:ofshape|withshape)?\[(?P<dims>[\d, ]*)\](?:andtype\w+?)?on.{0,80}?(?:gpu:(?P<device>\d+)|gpu_(?P<device2>\d+)_bfc))"},
    // A copy to the card whose destination could not be had.
    {W::kTensorflow, F::kTensorflow, R"(dsttensorisnotinitialized)"},
    {W::kTensorflowPool, F::kTensorflow,
     R"(failedtoallocate[\d.]+[kmgt]?i?b?\((?P<requested>~D)bytes\)fromdevice:cuda_error_out_of_memory(?::outofmemory)?)"},

    // Servers.
    {W::kVllmCacheBlocks, F::kVllm, R"(noavailablememoryforthecacheblocks)"},
    {W::kVllmStartup, F::kVllm,
     R"(freememoryondevice(?:[a-z]+:?(?P<device>\d+))?\((?P<free_gib>\d[\d.]*)(?:gib)?/(?P<total>~S)\)onstartup(?:islessthandesiredgpumemoryutilization(?:\([\d.]+,(?P<requested>~S)\))?)?)"},
    {W::kVllmSequence, F::kVllm,
     R"(toserveatleastonerequestwiththemodels{0,2}maxseqlen(?:.{0,40}?\(?(?P<requested>~S)kvcacheisneeded,whichislargerthantheavailablekvcachememory\((?P<cache>~S)\))?)"},
    {W::kVllmSequence, F::kVllm,
     R"(maxseqlen\(\d+\)islargerthanthemaximumnumberoftokensthatcanbestoredinkvcache)"},
    {W::kSglang, F::kSglang,
     R"(notenoughmemory\.pleasetry(?:to)?increas(?:e|ing)--mem-fraction-static)"},
    {W::kLlamaCpp, F::kLlamaCpp,
     R"((?:allocating(?P<requested>~S)ondevice(?P<device>\d+):)?(?:cuda|hip|musa)malloc(?:async|managed)?failed:outofmemory)"},
    {W::kLlamaCpp, F::kLlamaCpp,
     R"((?:failed|unable)toallocate(?:cuda|rocm|hip|vulkan|metal|sycl)(?P<device>\d{0,2})(?:_split)?buffer(?:ofsize(?P<requested>~D))?)"},
    {W::kLlamaCpp, F::kLlamaCpp, R"(failedtoallocatebufferforkvcache)"},
    {W::kLlamaCpp, F::kLlamaCpp,
     R"(ggml_vulkan:devicememoryallocationofsize(?P<requested>~D)failed)"},

    // Other frameworks.
    {W::kPaddle, F::kPaddle,
     R"(cannotallocate(?P<requested>~S)memoryongpu(?P<device>\d+)(?:,(?P<taken>~S)memoryhasbeenallocated)?(?:\(actualusingallocatedmemory(?P<allocated>~S)\))?(?:,?(?:and)?availablememoryisonly(?P<free>~S))?)"},
    {W::kOnnxruntime, F::kOnnxruntime,
     R"(failedtoallocatememoryforrequestedbufferofsize(?P<requested>~D)|cudafailure2:outofmemory)"},
    {W::kCupy, F::kCupy,
     R"(outofmemoryallocating(?P<requested>~Dbytes)(?:\(allocatedsofar:(?P<allocated>~Dbytes)(?:,limitsetto:(?P<allowed>~Dbytes))?)?)"},
    {W::kWarp, F::kWarp,
     R"(warpcudaerror2:outofmemory|failedtoallocate(?P<requested>~Dbytes)ondevicecuda:(?P<device>\d+))"},
    {W::kMetal, F::kMlx,
     R"((?:insufficientmemory\(\d*:?)?kiogpucommandbuffercallbackerroroutofmemory)"},
    {W::kMetal, F::kMlx,
     R"(attemptingtoallocate(?P<requested>~Dbytes)whichisgreaterthanthemaximumallowedbuffersizeof(?P<allowed>~Dbytes))"},
    {W::kMetal, F::kMlx, R"(\[malloc(?:_or_wait)?\]unabletoallocate(?P<requested>~Dbytes))"},
    {W::kOtherGpu, F::kUnknown,
     R"(requestedamountofgpumemory\((?P<requested>~Dbytes)\)couldnotbeallocated)"},
    {W::kOtherGpu, F::kPytorch,
     R"(couldnotallocatetensorwith(?P<requested>~Dbytes)\.thereisnotenoughgpuvideomemory)"},
    {W::kOtherGpu, F::kPytorchNpu,
     R"(aclrt\w*,errorcodeis207001|el0004.{0,60}failedtoallocatememory)"},
    // Names of statuses and results of the libraries and drivers.
    {W::kOtherGpu, F::kUnknown,
     R"(cufft_alloc_failed|(?:cusolver|cusparse|curand|cutensor|hipsparse|rocblas)_status_(?:alloc_failed|allocation_failed|memory_error)|(?:pi|ur_result|ze_result)_error_out_of_(?:resources|device_memory)|(?:vk_)?error_out_of_device_memory)"},
    {W::kOtherGpu, F::kUnknown,
     R"(cudafailedwitherroroutofmemory|cudasuccess\(2vs\.0\)outofmemory|cuda_error_out_of_memory|cudaerrormemoryallocation|hiperroroutofmemory|cumem(?:alloc|create)\w*failed:outofmemory|cudaruntime\(outofmemory\)|erroroutofdevicememory|cl_mem_object_allocation_failure|mem_object_allocation_failure)"},
};

}  // namespace

std::span<const Rule> GpuRules() { return kRules; }

}  // namespace vramcast::crashlog
