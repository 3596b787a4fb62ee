#include "dryrun/device_text.h"

#include <fmt/format.h>

namespace vramcast::dryrun {
namespace {

// NVIDIA H100 SXM5.
constexpr gpu::ComputeCapability kCapability{9, 0};
constexpr int kMultiprocessors = 132;
constexpr int kThreads = 2048;
constexpr int64_t kShared = 228 << 10;
constexpr int64_t kSharedPerBlock = 227 << 10;
constexpr int64_t kL2 = 50 << 20;

}  // namespace

Bytes ContextSize(const gpu::Card& card) {
  constexpr int64_t kBase = 100 << 20;
  constexpr int64_t kEach = 26 * (1 << 20) / 10;
  return Bytes(kBase + kEach * card.multiprocessors.value_or(kMultiprocessors));
}

std::string DeviceText(const Played& played, const PyTorch& torch,
                       std::vector<std::string>* notes) {
  const gpu::Card& card = played.card;
  if (!card.capability || !card.multiprocessors || !card.l2) {
    notes->push_back(
        fmt::format("not all properties of {} are known: those of an H100 stand in", card.name));
  }
  const gpu::ComputeCapability capability = card.capability.value_or(kCapability);
  // A ';' would end the name.
  std::string name = card.name;
  for (char& c : name) c = c == ';' ? ',' : c;
  std::string text = fmt::format(
      "name={};count={};total={};context={};other={};communicator={};major={};minor={};"
      "multiprocessors={};threads_per_multiprocessor={};shared_per_multiprocessor={};"
      "shared_per_block={};l2={};cuda_version={};linger={}",
      name, played.count, card.total.count(), ContextSize(card).count(),
      played.other_processes.count(), kCommunicatorSize.count(), capability.major, capability.minor,
      card.multiprocessors.value_or(kMultiprocessors),
      card.threads_per_multiprocessor.value_or(kThreads),
      card.shared_per_multiprocessor.value_or(Bytes(kShared)).count(),
      card.shared_per_block.value_or(Bytes(kSharedPerBlock)).count(),
      card.l2.value_or(Bytes(kL2)).count(), torch.cuda_version, played.linger ? 1 : 0);
  if (torch.cudnn_version > 0) text += fmt::format(";cudnn_version={}", torch.cudnn_version);
  if (torch.nccl_version > 0) text += fmt::format(";nccl_version={}", torch.nccl_version);
  return text;
}

}  // namespace vramcast::dryrun
