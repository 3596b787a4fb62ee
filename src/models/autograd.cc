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
    for (const Edge& edge : node->next) {
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

std::vector<Tensor> Call(Pen* pen, Node* node) {
  std::vector<Tensor> arrived = std::move(node->gradients);
  std::vector<Tensor> made = node->backward(arrived);
  for (size_t i = 0; i < made.size() && i < node->next.size(); ++i) {
    Tensor& gradient = made[i];
    if (gradient.count == 0 || gradient.width == node->next_width[i]) continue;
    const int64_t bytes = gradient.count * node->next_width[i];
    gradient = {std::make_shared<Storage>(pen, Role::kActivationGradient, bytes),
                gradient.count,
                node->next_width[i],
                false,
                {}};
  }
  return made;
}

}  // namespace

void RunBackward(Pen* pen, const Tensor& loss, Tensor gradient) {
  if (!loss.edge.node) return;
  CountEdges(loss.edge.node);
  loss.edge.node->gradients.resize(1);
  loss.edge.node->gradients[0] = std::move(gradient);
  std::vector<std::shared_ptr<Node>> ready = {loss.edge.node};
  while (!ready.empty()) {
    std::pop_heap(ready.begin(), ready.end(), RunsLater);
    const std::shared_ptr<Node> node = std::move(ready.back());
    ready.pop_back();
    std::vector<Tensor> made = Call(pen, node.get());
    node->backward = nullptr;
    node->seen = false;
    for (size_t i = 0; i < node->next.size(); ++i) {
      const Edge edge = std::move(node->next[i]);
      if (!edge.node) continue;
      if (i < made.size() && made[i].count > 0) {
        std::vector<Tensor>& sums = edge.node->gradients;
        const auto slot = static_cast<size_t>(edge.slot);
        if (sums.size() <= slot) sums.resize(slot + 1);
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
