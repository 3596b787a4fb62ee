// The mathematical libraries: handles, versions and choices of algorithm. Everything else that they
// do is to succeed.
#include <cstring>

#include "dryrun/device/api.h"
#include "dryrun/device/config.h"

namespace vramcast::device {

// Where names that end in Create and take the new handle's place as first argument lead; the
// generator of libraries knows which (dryrun/stubs.cc).
VRAMCAST_EXPORT int vramcast_create(void** out) {
  *out = NewHandle();
  return kSuccess;
}

ENTRY(cublasGetVersion_v2)(void*, int* version) {
  *version = GetConfig().cuda_version / 1000 * 10000 + 800;
  return kSuccess;
}
ENTRY(cublasGetProperty)(int, int* value) {
  *value = GetConfig().cuda_version / 1000;
  return kSuccess;
}
VRAMCAST_EXPORT size_t vramcast_cublasLtGetVersion() {
  const size_t major = static_cast<size_t>(GetConfig().cuda_version / 1000);
  return major * 10000 + 800;
}
ENTRY(cublasGetPointerMode_v2)(void*, int* mode) {
  *mode = 0;  // scalars are on the host
  return kSuccess;
}
ENTRY(cublasGetMathMode)(void*, int* mode) {
  *mode = 0;
  return kSuccess;
}
ENTRY(cublasGetStream_v2)(void*, void** stream) {
  *stream = nullptr;
  return kSuccess;
}
VRAMCAST_EXPORT const char* vramcast_cublasGetStatusString(int) { return "success"; }
VRAMCAST_EXPORT const char* vramcast_cublasLtGetStatusString(int) { return "success"; }

// cublasLtMatmulHeuristicResult_t (cublasLt.h): algorithm 64 bytes, workspace size, status, waves,
// four reserved ints. One algorithm that needs no workspace of its own.
struct MatmulHeuristic {
  uint64_t algorithm[8];
  size_t workspace;
  int status;
  float waves;
  int reserved[4];
};
ENTRY(cublasLtMatmulAlgoGetHeuristic)
(void*, void*, void*, void*, void*, void*, void*, int requested, MatmulHeuristic* results,
 int* returned) {
  *returned = requested > 0 ? 1 : 0;
  if (requested > 0) std::memset(results, 0, sizeof *results);
  return kSuccess;
}

VRAMCAST_EXPORT size_t vramcast_cudnnGetVersion() {
  return static_cast<size_t>(GetConfig().cudnn_version);
}
VRAMCAST_EXPORT size_t vramcast_cudnnGetCudartVersion() {
  return static_cast<size_t>(GetConfig().cuda_version);
}
// cuDNN's graph interface (cudnn_graph.h 9): descriptors are filled and finalised blindly; each
// question for engines is answered with one, which needs no workspace.
constexpr int kEngineResults = 202;  // CUDNN_ATTR_ENGINEHEUR_RESULTS
constexpr int kInt64 = 3;            // CUDNN_TYPE_INT64
ENTRY(cudnnBackendCreateDescriptor)(int, void** out) {
  *out = NewHandle();
  return kSuccess;
}
ENTRY(cudnnBackendGetAttribute)
(void*, int name, int type, int64_t requested, int64_t* count, void* out) {
  const bool number = type == kInt64 && requested > 0 && out != nullptr;
  if (number) std::memset(out, 0, sizeof(int64_t));
  if (count != nullptr) *count = name == kEngineResults || number ? 1 : 0;
  return kSuccess;
}
// Batch normalisation outside the graph interface (cudnn_ops.h 9): no workspace, no reserve.
ENTRY(cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize)
(void*, int, int, void*, void*, void*, void*, void*, size_t* size) {
  *size = 0;
  return kSuccess;
}
ENTRY(cudnnGetBatchNormalizationBackwardExWorkspaceSize)
(void*, int, int, void*, void*, void*, void*, void*, void*, void*, size_t* size) {
  *size = 0;
  return kSuccess;
}
ENTRY(cudnnGetBatchNormalizationTrainingExReserveSpaceSize)
(void*, int, int, void*, void*, size_t* size) {
  *size = 0;
  return kSuccess;
}
ENTRY(cudnnDropoutGetStatesSize)(void*, size_t* size) {
  *size = 0;
  return kSuccess;
}
VRAMCAST_EXPORT const char* vramcast_cudnnGetErrorString(int) { return "CUDNN_STATUS_SUCCESS"; }

// Sizes of workspaces that PyTorch allocates: none is needed. The last argument is where the size
// goes (cusparse.h 12).
ENTRY(cusparseSpMV_bufferSize)
(void*, int, const void*, void*, void*, const void*, void*, int, int, size_t* size) {
  *size = 0;
  return kSuccess;
}
ENTRY(cusparseSpMM_bufferSize)
(void*, int, int, const void*, void*, void*, const void*, void*, int, int, size_t* size) {
  *size = 0;
  return kSuccess;
}
ENTRY(cusparseSDDMM_bufferSize)
(void*, int, int, const void*, void*, void*, const void*, void*, int, int, size_t* size) {
  *size = 0;
  return kSuccess;
}
ENTRY(cusparseGetVersion)(void*, int* version) {
  *version = 12500;
  return kSuccess;
}
VRAMCAST_EXPORT const char* vramcast_cusparseGetErrorString(int) { return "success"; }
VRAMCAST_EXPORT const char* vramcast_cusparseGetErrorName(int) { return "success"; }

// Plans of cuFFT are numbers.
ENTRY(cufftCreate)(int* plan) {
  static int next = 0;
  *plan = ++next;
  return kSuccess;
}
ENTRY(cufftXtMakePlanMany)
(int, int, long long*, long long*, long long, long long, int, long long*, long long, long long, int,
 long long, size_t* workspace, int) {
  *workspace = 0;
  return kSuccess;
}

ENTRY(nvrtcVersion)(int* major, int* minor) {
  *major = GetConfig().cuda_version / 1000;
  *minor = GetConfig().cuda_version % 1000 / 10;
  return kSuccess;
}
ENTRY(nvrtcGetProgramLogSize)(void*, size_t* size) {
  *size = 1;
  return kSuccess;
}
ENTRY(nvrtcGetPTXSize)(void*, size_t* size) {
  *size = 1;
  return kSuccess;
}
ENTRY(nvrtcGetCUBINSize)(void*, size_t* size) {
  *size = 1;
  return kSuccess;
}
ENTRY(nvrtcGetLoweredName)(void*, const char*, const char** name) {
  *name = "kernel";
  return kSuccess;
}
VRAMCAST_EXPORT const char* vramcast_nvrtcGetErrorString(int) { return "NVRTC_SUCCESS"; }

}  // namespace vramcast::device
