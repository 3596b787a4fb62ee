#include "crashlog/message.h"

namespace vramcast::crashlog {
namespace {

using F = Framework;
using W = Wording;

constexpr Rule kRules[] = {
    {W::kCpuAllocator, F::kPytorch,
     R"(defaultcpuallocator:(?:can.{0,3}tallocatememory|notenoughmemory)(?::youtriedtoallocate(?P<requested>~Dbytes))?)"},
    {W::kMmap, F::kPytorch, R"(unabletommap(?P<requested>~Dbytes)from)"},
    {W::kWorkerKilled, F::kPytorch,
     R"(dataloaderworker\(pids?(?:\(s\))?(?P<pid>\d*)[^)]*\)(?:is|are)?(?:killedbysignal:killed|exitedunexpectedly))"},
    {W::kBusError, F::kPytorch,
     R"(dataloaderworker\(pids?(?:\(s\))?(?P<pid>\d*)[^)]*\)(?:is|are)?killedbysignal:buserror|unexpectedbuserror|insufficientsharedmemory)"},
    {W::kPinnedMemory, F::kPytorch,
     R"(cudahostalloc.{0,80}(?:outofmemory|cudaerrormemoryallocation)|cuda_host(?:_allocator)?.{0,40}outofmemory|failedtoallocate\d*bytesofpinnedmemory)"},
    {W::kSigkill, F::kPytorch,
     R"(exitcode:?-9(?:\)?(?:local_rank:(?P<rank>\d+))?\(pid:(?P<pid>\d+)\))?|signal9\(sigkill\)receivedbypid(?P<pid2>\d*))"},
    {W::kSigkill, F::kDeepspeed, R"((?:exitswith)?returncode=-9)"},
    {W::kSigkill, F::kUnknown,
     R"(returncode:?-9|diedwith<signals\.sigkill:9>|(?:terminated|killed)(?:by|with|dueto)(?:signal)?:?(?:9|sigkill|signal9)|received(?:signal)?sigkill|exitcode-9)"},
    // What kills a process that takes too much is not always the kernel: Ray, notebook services,
    // user-space daemons, batch systems.
    {W::kSigkill, F::kUnknown,
     R"(duetothenoderunninglowonmemory|killedduetomemorypressure|\.(?:scope|service|slice)duetomemorypressure|crashedafterusingallavailableram|triedtoallocatemorememorythanisavailable|lowmemory!atorbelowsig(?:term|kill)|term_memlimit|jobkilledafterreaching\w{0,8}memoryusagelimit|jobkilled:[pv]?mem~D\w{0,2}exceededlimit|killedsignalterminatedprogram)"},
    {W::kExit137, F::kUnknown,
     R"((?:exit(?:ed|s)?(?:with)?(?:exit)?(?:code|status)?[:=]?\(?137|returncode[:=]?137|error137)(?:\D|$))"},
    {W::kKernelOomKiller, F::kKernel,
     R"((?:memorycgroup)?outofmemory:kill(?:ed)?process(?P<pid>\d+)|oom-kill:constraint=|oom_reaper:|failedwithresultoom-kill|killedbythe(?:kernel)?oomkiller|invokedoom-killer)"},
    {W::kSlurm, F::kSlurm,
     R"(detected\d+oom[-_]killevent|srun:error:.{0,80}:outofmemory|oom_killevent|exceeded(?:job|step|task)?memorylimit|state:out_of_memory|out_of_me\+)"},
    {W::kKubernetes, F::kKubernetes, R"(oomkilled(?:$|[^:]|:[^f]))"},
    {W::kPagingFile, F::kWindows, R"(pagingfileistoosmall|oserror1455|winerror1455)"},
    {W::kHostAllocation, F::kOllama,
     R"(modelrequiresmoresystemmemory\(?(?P<requested>~S)\)?thanisavailable(?:\(?(?P<free>~S))?)"},
    {W::kHostAllocation, F::kUnknown, R"(unabletoallocate(?P<requested>~S)foranarraywithshape)"},
    {W::kHostAllocation, F::kUnknown, R"(memoryallocationof(?P<requested>~Dbytes)failed)"},
    {W::kHostAllocation, F::kUnknown,
     R"((?:java|javascript)heap(?:space)?outofmemory|reachedheaplimitallocationfailed)"},
    {W::kHostAllocation, F::kLlamaCpp,
     R"(ggml_aligned_malloc:insufficientmemory(?:\(attemptedtoallocate(?P<requested>~S))?|(?:failed|unable)toallocatecpu\w{0,12}buffer|ggml_backend_cpu_buffer_type_alloc_buffer:failedtoallocatebufferofsize(?P<requested2>~D))"},
    {W::kHostAllocation, F::kTensorflow,
     R"(oomwhenallocatingtensor(?:ofshape|withshape)?\[(?P<dims>[\d, ]*)\].{0,100}?(?:cpu:\d|allocator(?:mkl)?cpu))"},
    {W::kHostAllocation, F::kUnknown,
     R"(std::bad_alloc|\barraymemoryerror|java\.lang\.outofmemoryerror|\[errno12\]cannotallocatememory|failedtoallocate\d*bytesofhostmemory)"},
};

}  // namespace

std::span<const Rule> HostRules() { return kRules; }

}  // namespace vramcast::crashlog
