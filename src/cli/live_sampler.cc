#include "cli/live_sampler.h"

#include <signal.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "gpu/run_program.h"

namespace vramcast::cli {

using Clock = std::chrono::steady_clock;

struct LiveSampler::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::unique_ptr<gpu::Sampler> sampler;
  const Wake* wake = nullptr;
  bool asked = false;
  bool stop = false;
  bool ended = false;
  Clock::time_point since;
  std::optional<Result<gpu::Machine>> answer;

  void Work() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return asked || stop; });
      if (stop) break;
      lock.unlock();
      Result<gpu::Machine> machine = sampler->Sample();
      lock.lock();
      asked = false;
      answer = std::move(machine);
      if (!stop) wake->Ring();
    }
    sampler.reset();
    ended = true;
    changed.notify_all();
  }
};

LiveSampler::LiveSampler(std::unique_ptr<gpu::Sampler> sampler, const Wake* wake)
    : shared_(std::make_shared<Shared>()) {
  shared_->sampler = std::move(sampler);
  shared_->wake = wake;
  // Signals are for the thread that waits.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([shared = shared_] { shared->Work(); }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LiveSampler::~LiveSampler() {
  constexpr std::chrono::milliseconds kPatience{500};
  gpu::CancelPrograms();
  std::unique_lock lock(shared_->mutex);
  shared_->stop = true;
  shared_->changed.notify_all();
  shared_->changed.wait_for(lock, kPatience, [this] { return shared_->ended; });
}

void LiveSampler::Ask() {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->asked) return;
  shared_->asked = true;
  shared_->since = Clock::now();
  shared_->changed.notify_all();
}

std::optional<Result<gpu::Machine>> LiveSampler::Take() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->answer, std::nullopt);
}

std::optional<Clock::duration> LiveSampler::Waiting() const {
  const std::lock_guard lock(shared_->mutex);
  if (!shared_->asked) return std::nullopt;
  return Clock::now() - shared_->since;
}

}  // namespace vramcast::cli
