#include "models/autograd.h"

#include <algorithm>
#include <utility>

namespace vramcast::models {
namespace {

bool RunsLater(const std::shared_ptr<Node>& a, const std::shared_ptr<Node>& b) {
  return a->sequence < b->sequence;
}

void CountEdges(const std::shared_ptr<Node>& root) {
  std::vector<Node*> stack = {root.get()};
  root->seen = true;
  while (!stack.empty()) {
    Node* node = stack.back();
    stack.pop_back();
    for (size_t i = 0; i < node->inputs; ++i) {
      const Edge& edge = node->next[i].edge;
      if (!edge.node) continue;
      ++edge.node->waiting;
      if (edge.node->seen) continue;
      edge.node->seen = true;
      stack.push_back(edge.node.get());
    }
  }
}

void Add(Pen* pen, Tensor* sum, Tensor gradient) {
  if (sum->count == 0) {
    *sum = std::move(gradient);
    return;
  }
  // can_accumulate_inplace: the last reference, and no view of another tensor.
  if (!sum->view && sum->storage.use_count() == 1) return;
  Tensor fresh{std::make_shared<Storage>(pen, Role::kActivationGradient, sum->bytes()),
               sum->count,
               sum->width,
               false,
               {}};
  *sum = std::move(fresh);
}

Gradients Call(Pen* pen, Node* node) {
  Gradients arrived = std::move(node->gradients);
  Gradients made = node->backward(arrived);
  for (size_t i = 0; i < made.size() && i < node->inputs; ++i) {
    Tensor& gradient = made[i];
    const int64_t width = node->next[i].width;
    if (gradient.count == 0 || gradient.width == width) continue;
    const int64_t bytes = gradient.count * width;
    gradient = {std::make_shared<Storage>(pen, Role::kActivationGradient, bytes),
                gradient.count,
                width,
                false,
                {}};
  }
  return made;
}

}  // namespace

void RunBackward(Pen* pen, const Tensor& loss, Tensor gradient) {
  if (!loss.edge.node) return;
  CountEdges(loss.edge.node);
  loss.edge.node->gradients.grow(1);
  loss.edge.node->gradients[0] = std::move(gradient);
  std::vector<std::shared_ptr<Node>> ready = {loss.edge.node};
  while (!ready.empty()) {
    std::pop_heap(ready.begin(), ready.end(), RunsLater);
    const std::shared_ptr<Node> node = std::move(ready.back());
    ready.pop_back();
    Gradients made = Call(pen, node.get());
    node->backward = nullptr;
    node->seen = false;
    for (size_t i = 0; i < node->inputs; ++i) {
      const Edge edge = std::move(node->next[i].edge);
      if (!edge.node) continue;
      if (i < made.size() && made[i].count > 0) {
        Gradients& sums = edge.node->gradients;
        const auto slot = static_cast<size_t>(edge.slot);
        sums.grow(slot + 1);
        Add(pen, &sums[slot], std::move(made[i]));
        made[i] = {};
      }
      if (--edge.node->waiting == 0) {
        ready.push_back(edge.node);
        std::push_heap(ready.begin(), ready.end(), RunsLater);
      }
    }
  }
}

}  // namespace vramcast::models
