// The gradients that go into or come out of one operation. No operation has more than three inputs
// or outputs, so they need no memory of their own: a deep model has ten thousands of operations.
#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <utility>

#include "models/tensor.h"

namespace vramcast::models {

class Gradients {
 public:
  static constexpr size_t kMost = 3;

  Gradients() = default;
  explicit Gradients(size_t count) : count_(count) {}
  Gradients(std::initializer_list<Tensor> tensors) {
    for (const Tensor& tensor : tensors) push_back(tensor);
  }
  Gradients(const Gradients&) = default;
  Gradients& operator=(const Gradients&) = delete;
  Gradients(Gradients&& other) noexcept
      : tensors_(std::move(other.tensors_)), count_(std::exchange(other.count_, 0)) {}
  // Memory goes back from the first to the last, as from a list.
  ~Gradients() {
    for (Tensor& tensor : tensors_) tensor = {};
  }

  size_t size() const { return count_; }
  void grow(size_t count) { count_ = count > count_ ? count : count_; }
  void push_back(Tensor tensor) { tensors_[count_++] = std::move(tensor); }
  Tensor& operator[](size_t i) { return tensors_[i]; }

 private:
  std::array<Tensor, kMost> tensors_;
  size_t count_ = 0;
};

}  // namespace vramcast::models
