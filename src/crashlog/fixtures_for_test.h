// Messages as the libraries' templates make them, with numbers of nobody's run.
#pragma once

#include <string>
#include <string_view>

namespace vramcast::crashlog {

inline constexpr std::string_view kMessage26 =
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.75 GiB. GPU 2 has a total "
    "capacity of 47.44 GiB of which 812.31 MiB is free. Process 4711 has 3.20 GiB memory in use. "
    "Including non-PyTorch memory, this process has 43.40 GiB memory in use. 45.07 GiB allowed; Of "
    "the allocated memory 40.11 GiB is allocated by PyTorch, with 96.00 MiB allocated in private "
    "pools (e.g., CUDA Graphs), and 2.51 GiB is reserved by PyTorch but unallocated. If reserved "
    "but unallocated memory is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True "
    "to avoid fragmentation.  See documentation for Memory Management  "
    "(https://pytorch.org/docs/stable/notes/cuda.html#environment-variables)";

inline constexpr std::string_view kMessage21 =
    "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 130.00 MiB. GPU 0 has a "
    "total capacty of 15.99 GiB of which 71.25 MiB is free. Process 77 has 17179869184.00 GiB "
    "memory in use. Including non-PyTorch memory, this process has 17179869184.00 GiB memory in "
    "use. Of the allocated memory 14.60 GiB is allocated by PyTorch, and 203.50 MiB is reserved by "
    "PyTorch but unallocated. If reserved but unallocated memory is large try setting "
    "max_split_size_mb to avoid fragmentation.  See documentation for Memory Management and "
    "PYTORCH_CUDA_ALLOC_CONF";

inline constexpr std::string_view kMessage113 =
    "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 66.00 MiB (GPU 1; 9.77 GiB "
    "total capacity; 8.02 GiB already allocated; 41.50 MiB free; 8.33 GiB reserved in total by "
    "PyTorch) If reserved memory is >> allocated memory try setting max_split_size_mb to avoid "
    "fragmentation.  See documentation for Memory Management and PYTORCH_CUDA_ALLOC_CONF";

inline constexpr std::string_view kMessage12 =
    "RuntimeError: CUDA out of memory. Tried to allocate 20.25 MiB (GPU 0; 7.43 GiB total "
    "capacity; 6.70 GiB already allocated; 10.94 MiB free; 312.12 MiB cached)";

inline constexpr std::string_view kMessageMps =
    "RuntimeError: MPS backend out of memory (MPS allocated: 9.05 GB, other allocations: 640.50 "
    "MB, max allowed: 10.20 GB). Tried to allocate 768.00 MB on private pool. Use "
    "PYTORCH_MPS_HIGH_WATERMARK_RATIO=0.0 to disable upper limit for memory allocations (may cause "
    "system failure).";

}  // namespace vramcast::crashlog
