#include "analysis/attribution.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace vramcast {
namespace {

struct TestFrame {
  std::string_view file;
  uint64_t line;
  std::string_view function;
};

// One stack, innermost frame first, beside one that has Python's frames.
class Stack {
 public:
  explicit Stack(std::initializer_list<TestFrame> frames) {
    id_ = Add(frames);
    Add({{"/home/me/train.py", 1, "main"}});
    attribution_.emplace(recording_);
  }
  std::string line() const { return attribution_->Line(id_); }
  std::string op() const { return attribution_->Operator(id_); }
  Category kind() const { return attribution_->CategoryOf(id_); }

 private:
  StackId Add(std::initializer_list<TestFrame> frames) {
    std::vector<FrameId> ids;
    for (const TestFrame& frame : frames) {
      ids.push_back(FrameId{static_cast<uint32_t>(recording_.frames.size())});
      recording_.frames.push_back({recording_.strings.Intern(frame.file),
                                   recording_.strings.Intern(frame.function), frame.line});
    }
    return recording_.stacks.Intern(ids);
  }
  Recording recording_;
  std::optional<Attribution> attribution_;
  StackId id_;
};

TEST(Attribution, NamesTheLineOutsideThePlumbing) {
  const Stack stack({{"/venv/site-packages/torch/nn/functional.py", 2900, "linear"},
                     {"/venv/site-packages/einops/_backends.py", 291, "einsum"},
                     {"/home/me/model/attention.py", 40, "forward"},
                     {"/home/me/train.py", 7, "main"}});
  EXPECT_EQ(stack.line(), "model/attention.py:40 forward");
  EXPECT_EQ(stack.op(), "in torch/nn/functional.py:2900 linear");
  EXPECT_EQ(stack.kind(), Category::kActivations);
}

TEST(Attribution, ReadsPathsOfWindows) {
  const Stack stack({{R"(C:\venv\lib\site-packages\torch\nn\modules\linear.py)", 96, "__init__"},
                     {R"(C:\work\net\model.py)", 5, "build"}});
  EXPECT_EQ(stack.line(), "net/model.py:5 build");
  EXPECT_EQ(stack.kind(), Category::kParameters);
}

TEST(Attribution, NamesTheLineThatCompiledCodeComesFrom) {
  constexpr std::string_view kWritten =
      "/tmp/x/nq/cnqtho2nij4af6swya42kmd2tvb2py3brmcdj3mike6uxkmojqam.py";
  EXPECT_EQ(Stack({{kWritten, 420, "call"},
                   {"/venv/site-packages/torch/_dynamo/eval_frame.py", 1, "_fn"},
                   {"/home/me/gpt.py", 50, "forward"}})
                .line(),
            "me/gpt.py:50 forward (compiled)");
  EXPECT_TRUE(Stack({{kWritten, 420, "call"}}).line().starts_with("compiled code, nq/cnq"));
}

TEST(Attribution, NamesTheNodeOfTheBackwardPass) {
  const Stack stack({{"??", 0, "at::_ops::empty_strided::call(c10::ArrayRef<long>)"},
                     {"??", 0, "at::_ops::mm::call(at::Tensor const&, at::Tensor const&)"},
                     {"", 0, "torch::autograd::generated::details::mm_mat1_grad(at::Tensor)"},
                     {"Functions.cpp", 0,
                      "torch::autograd::generated::MmBackward0_apply_functional(std::vector<>)"},
                     {"??", 0, "torch::autograd::generated::MmBackward0::apply(std::vector<>&&)"},
                     {"??", 0, "torch::autograd::Engine::thread_main(std::shared_ptr<>)"},
                     {"src/c++11/thread.cc", 82, "execute_native_thread_routine"}});
  EXPECT_EQ(stack.line(), "backward: MmBackward0");
  EXPECT_EQ(stack.op(), "mm");
  EXPECT_EQ(stack.kind(), Category::kGradients);
}

TEST(Attribution, SaysWhereAStackWithoutFramesComesFrom) {
  EXPECT_EQ(Stack({}).line(), "no Python frames: backward, or another thread of C++");
  EXPECT_EQ(Attribution(Recording()).Line(StackId()), "without a stack");
}

}  // namespace
}  // namespace vramcast
