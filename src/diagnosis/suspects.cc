#include "diagnosis/suspects.h"

#include <re2/re2.h>

#include <array>

namespace vramcast::diagnosis {
namespace {

struct Habit {
  std::string_view pattern;
  std::string_view why;
};
constexpr std::array<Habit, 5> kHabits = {{
    {R"(\w*loss\w* *\+= *\w*loss\w*( |$|\)))",
     "adds tensors that carry their graph: use loss.item() or loss.detach()"},
    {R"(\.append\( *\w*(loss|output|logit|pred|hidden|feat|reward|score)\w* *\))",
     "keeps tensors, perhaps with their graph, in a list: append x.detach().cpu() or x.item()"},
    {R"(retain_graph *= *True)", "keeps the graph after backward"},
    {R"(\.append\( *\(.*(state|obs|action)\w*.*\))",
     "keeps tensors in a replay memory: store them on the CPU"},
    {R"(create_graph *= *True)", "keeps the graph of the gradients too"},
}};

}  // namespace

std::vector<Suspect> FindSuspects(const Case& c) {
  std::vector<Suspect> suspects;
  for (const Habit& habit : kHabits) {
    if (auto line = Quote(c, habit.pattern)) {
      suspects.push_back({*line, habit.why});
    }
  }
  return suspects;
}

}  // namespace vramcast::diagnosis
