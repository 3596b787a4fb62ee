#include "command/edit.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

namespace vramcast::command {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Edited Edit(const std::string& text, const std::vector<FlagEdit>& edits) {
  const LaunchScript script = ReadLaunches(text);
  EXPECT_THAT(script.launches, ::testing::Not(IsEmpty()));
  if (script.launches.empty()) return {};
  const auto edited = EditLaunch(script, script.launches.front(), edits);
  EXPECT_TRUE(edited.has_value()) << edited.error().message;
  return edited.value_or(Edited());
}

std::string SetBatch(const std::string& text, const std::string& value = "4") {
  return Edit(text, {{EditKind::kSet, "device-batch-size", value, ""}}).text;
}

TEST(EditLaunch, ChangesOnlyTheValue) {
  EXPECT_EQ(SetBatch("python -m  scripts.base_train --device-batch-size=32 --run='a b' # x"),
            "python -m  scripts.base_train --device-batch-size=4 --run='a b' # x");
  EXPECT_EQ(SetBatch("python -m scripts.base_train --device_batch_size 32 --depth=12"),
            "python -m scripts.base_train --device_batch_size 4 --depth=12");
  EXPECT_EQ(SetBatch("python -m scripts.base_train \"--device-batch-size=32\" -x"),
            "python -m scripts.base_train \"--device-batch-size=4\" -x");
  EXPECT_EQ(SetBatch("python -m scripts.base_train --device-batch-size=\"32\""),
            "python -m scripts.base_train --device-batch-size=4");
  EXPECT_EQ(SetBatch("python -m scripts.base_train --device\"-batch-size=3\"2"),
            "python -m scripts.base_train --device-batch-size=4");
}

TEST(EditLaunch, ChangesTheOneThatCounts) {
  EXPECT_EQ(SetBatch("python -m scripts.base_train --device-batch-size=32 --device_batch_size=16"),
            "python -m scripts.base_train --device-batch-size=32 --device_batch_size=4");
}

TEST(EditLaunch, AddsAMissingFlagAtTheEnd) {
  EXPECT_EQ(
      SetBatch("torchrun --nproc_per_node=8 -m scripts.base_train -- --depth=20 2>&1 | tee l"),
      "torchrun --nproc_per_node=8 -m scripts.base_train -- --depth=20 "
      "--device-batch-size=4 2>&1 | tee l");
  EXPECT_EQ(SetBatch("torchrun --nproc_per_node=8 -m scripts.base_train\n"),
            "torchrun --nproc_per_node=8 -m scripts.base_train -- --device-batch-size=4\n");
  EXPECT_EQ(SetBatch("python -m scripts.base_train; ls"),
            "python -m scripts.base_train --device-batch-size=4; ls");
}

TEST(EditLaunch, AddsInTheCommandsOwnStyle) {
  EXPECT_EQ(SetBatch("python -m scripts.base_train \\\n    --depth=12 \\\n    --run=x\nls\n"),
            "python -m scripts.base_train \\\n    --depth=12 \\\n    --run=x \\\n"
            "    --device-batch-size=4\nls\n");
  const std::string text = "python -m scripts.base_train --depth=12";
  EXPECT_EQ(Edit(text, {{EditKind::kSet, "device-batch-size", "4", "--device_batch_size"}}).text,
            text + " --device_batch_size=4");
}

TEST(EditLaunch, AddsSeveralFlagsInOrder) {
  EXPECT_EQ(Edit("torchrun -m scripts.base_train",
                 {{EditKind::kSet, "depth", "12", ""}, {EditKind::kSet, "fp8", "", ""}})
                .text,
            "torchrun -m scripts.base_train -- --depth=12 --fp8");
}

TEST(EditLaunch, EditsAVariableAtItsAssignment) {
  const Edited edited = Edit("BATCH=32\npython -m scripts.base_train --device-batch-size=$BATCH\n",
                             {{EditKind::kSet, "device-batch-size", "4", ""}});
  EXPECT_EQ(edited.text, "BATCH=4\npython -m scripts.base_train --device-batch-size=$BATCH\n");
  ASSERT_THAT(edited.changes, SizeIs(1));
  EXPECT_EQ(edited.changes[0].where, "at the assignment of BATCH");
  EXPECT_EQ(edited.changes[0].before, "32");
  EXPECT_EQ(edited.changes[0].line, 1u);
}

TEST(EditLaunch, EditsAFallback) {
  const Edited edited =
      Edit("BATCH=\"${BATCH:-32}\"\npython -m scripts.base_train --device-batch-size \"$BATCH\"\n",
           {{EditKind::kSet, "device-batch-size", "4", ""}});
  EXPECT_EQ(edited.text,
            "BATCH=\"${BATCH:-4}\"\npython -m scripts.base_train --device-batch-size \"$BATCH\"\n");
  EXPECT_THAT(edited.changes[0].where, HasSubstr("unless BATCH is set"));
  EXPECT_EQ(SetBatch("python -m scripts.base_train --device-batch-size=${B:-32} --depth=12"),
            "python -m scripts.base_train --device-batch-size=${B:-4} --depth=12");
}

TEST(EditLaunch, LeavesAVariableAloneThatOthersUse) {
  const Edited edited = Edit(
      "B=32\npython -m scripts.base_train --device-batch-size=$B\npython -m scripts.mid_train "
      "--device-batch-size=$B\n",
      {{EditKind::kSet, "device-batch-size", "4", ""}});
  EXPECT_EQ(edited.text,
            "B=32\npython -m scripts.base_train --device-batch-size=4\npython -m scripts.mid_train "
            "--device-batch-size=$B\n");
  EXPECT_THAT(edited.changes[0].where, HasSubstr("in place of $B"));
}

TEST(EditLaunch, DoesNotCountUsesInComments) {
  EXPECT_EQ(SetBatch("B=32\n# uses $B\npython -m scripts.base_train --device-batch-size=${B}\n"),
            "B=4\n# uses $B\npython -m scripts.base_train --device-batch-size=${B}\n");
}

TEST(EditLaunch, ReplacesAVariableThatIsNotSetHere) {
  EXPECT_EQ(SetBatch("python -m scripts.base_train --device-batch-size=$B --depth=12"),
            "python -m scripts.base_train --device-batch-size=4 --depth=12");
}

TEST(EditLaunch, EditsFlagsInsideAVariable) {
  EXPECT_EQ(SetBatch("A='--depth=12 --device-batch-size=32'\npython -m scripts.base_train $A\n"),
            "A='--depth=12 --device-batch-size=4'\npython -m scripts.base_train $A\n");
  EXPECT_EQ(SetBatch("A=(--depth 12 --device-batch-size 32)\npython -m scripts.base_train "
                     "\"${A[@]}\"\n"),
            "A=(--depth 12 --device-batch-size 4)\npython -m scripts.base_train \"${A[@]}\"\n");
}

TEST(EditLaunch, ReplacesAVariableOfSeveralBranches) {
  const std::string head =
      "if [ $d -ge 20 ]; then A=\"--device-batch-size=16\"; else A=\"--device-batch-size=32\"; "
      "fi\n";
  EXPECT_EQ(SetBatch(head + "python -m scripts.base_train --depth=$d $A 2>&1\n"),
            head + "python -m scripts.base_train --depth=$d --device-batch-size=4 2>&1\n");
}

TEST(EditLaunch, EditsInsideQuotes) {
  EXPECT_EQ(SetBatch("bash -c \"cd x && python -m scripts.base_train --device-batch-size=32\" &"),
            "bash -c \"cd x && python -m scripts.base_train --device-batch-size=4\" &");
  EXPECT_EQ(SetBatch("screen -dmS a bash -c 'python -m scripts.base_train'"),
            "screen -dmS a bash -c 'python -m scripts.base_train --device-batch-size=4'");
}

TEST(EditLaunch, RemovesAFlagWithItsValue) {
  EXPECT_EQ(
      Edit("python -m scripts.base_train --fp8 --depth 12", {{EditKind::kRemove, "fp8", "", ""}})
          .text,
      "python -m scripts.base_train --depth 12");
  EXPECT_EQ(Edit("python -m scripts.base_train --save-every 5 --depth=12",
                 {{EditKind::kRemove, "save-every", "", ""}})
                .text,
            "python -m scripts.base_train --depth=12");
}

TEST(EditLaunch, RenamesAFlag) {
  EXPECT_EQ(Edit("python -m scripts.base_train --seq-len=1024",
                 {{EditKind::kRename, "seq-len", "", "--max-seq-len"}})
                .text,
            "python -m scripts.base_train --max-seq-len=1024");
}

TEST(EditLaunch, RefusesToRenameWhatIsNotThere) {
  const LaunchScript script = ReadLaunches(std::string("python -m scripts.base_train"));
  const std::vector<FlagEdit> edits = {{EditKind::kRename, "seq-len", "", "--max-seq-len"}};
  EXPECT_FALSE(EditLaunch(script, script.launches[0], edits).has_value());
}

TEST(EditLaunch, SaysNothingChangedWhereTheValueIsRight) {
  const Edited edited = Edit("python -m scripts.base_train --device-batch-size=4",
                             {{EditKind::kSet, "device-batch-size", "4", ""}});
  EXPECT_THAT(edited.changes, IsEmpty());
}

TEST(EditLaunch, NamesTheLineInTheNewText) {
  const Edited edited = Edit("# a\npython -m scripts.base_train \\\n  --depth=12 \\\n  --run=x\n",
                             {{EditKind::kSet, "device-batch-size", "4", ""}});
  EXPECT_EQ(edited.changes[0].line, 5u);
}

TEST(SetEnvironment, WritesOrChangesAVariable) {
  const LaunchScript plain = ReadLaunches(std::string("nohup python train.py &"));
  EXPECT_EQ(SetEnvironment(plain, plain.launches[0], "A", "b c")->text,
            "A='b c' nohup python train.py &");
  const LaunchScript set = ReadLaunches(std::string("A=1 python train.py"));
  EXPECT_EQ(SetEnvironment(set, set.launches[0], "A", "2")->text, "A=2 python train.py");
  EXPECT_THAT(SetEnvironment(set, set.launches[0], "A", "1")->changes, IsEmpty());
}

TEST(Difference, ShowsChangedLinesWithTheirNeighbours) {
  EXPECT_EQ(Difference("1\n2\n3\n4\n5\n6\n", "1\n2\n3\nx\n5\n6\n", "a", "b", 1),
            "--- a\n+++ b\n@@ -3,3 +3,3 @@\n 3\n-4\n+x\n 5\n");
  EXPECT_EQ(Difference("1\n", "1\n2\n", "a", "b"), "--- a\n+++ b\n@@ -1,1 +1,2 @@\n 1\n+2\n");
  EXPECT_EQ(Difference("same", "same", "a", "b"), "");
}

// Commands put together from parts in every spelling, with other text around them.
rc::Gen<std::string> Commands() {
  const auto part = rc::gen::elementOf(std::vector<std::string>{
      " --depth=12", " --depth 12", " --run='a b'", " --run=\"$R\"", " \\\n  --save-every=-1",
      " --fp8", " $ARGS", " \"--model-tag=x y\"", " --eval-every=${E:-5}", "  --x=$(date)"});
  const auto before = rc::gen::elementOf(std::vector<std::string>{
      "", "# c\n", "export A=1\n", "cd x && ", "if true; then\n  ", "A=b nohup ", "X='\n' "});
  const auto batch = rc::gen::elementOf(
      std::vector<std::string>{" --device-batch-size=32", " --device_batch_size 32",
                               " '--device-batch-size=32'", " --device_batch_size=\"32\""});
  const auto after = rc::gen::elementOf(std::vector<std::string>{
      "", "\n", " 2>&1 | tee log\n", " # end\nls\n", " &\nwait\n", " || exit 1\n"});
  const auto parts = rc::gen::container<std::vector<std::string>>(part);
  return rc::gen::map(rc::gen::tuple(before, parts, batch, parts, after), [](const auto& all) {
    const auto& [head, first, value, second, tail] = all;
    std::string text = head + "python -m scripts.base_train";
    for (const std::string& piece : first) text += piece;
    text += value;
    for (const std::string& piece : second) text += piece;
    return text + tail;
  });
}

RC_GTEST_PROP(EditProperty, NoEditGivesTheSameText, ()) {
  const std::string text = *Commands();
  const LaunchScript script = ReadLaunches(text);
  RC_ASSERT(script.launches.size() == 1u);
  RC_ASSERT(EditLaunch(script, script.launches[0], {})->text == text);
}

RC_GTEST_PROP(EditProperty, OneEditChangesOnlyItsBytes, ()) {
  const std::string text = *Commands();
  const LaunchScript script = ReadLaunches(text);
  RC_ASSERT(script.launches.size() == 1u);
  const std::vector<FlagEdit> edits = {{EditKind::kSet, "device-batch-size", "7", ""}};
  const std::string changed = EditLaunch(script, script.launches[0], edits)->text;
  const Span span = script.launches[0].Find("device-batch-size")->span;
  RC_ASSERT(changed.substr(0, span.begin) == text.substr(0, span.begin));
  RC_ASSERT(changed.ends_with(text.substr(span.end)));
  const LaunchScript again = ReadLaunches(changed);
  RC_ASSERT(again.launches[0].flags.device_batch_size == 7);
  RC_ASSERT(again.launches[0].flags.depth == script.launches[0].flags.depth);
}

RC_GTEST_PROP(EditProperty, AnyTextWithLaunchesCanBeEdited, ()) {
  const std::string text =
      *rc::gen::container<std::string>(
          rc::gen::elementOf(std::string(" \n'\"\\$`{}()<>|&;#=-aA1"))) +
      "python -m scripts.base_train" +
      *rc::gen::container<std::string>(rc::gen::elementOf(std::string(" \n'\"\\$`{}()|&;#=-aA1")));
  const LaunchScript script = ReadLaunches(text);
  const std::vector<FlagEdit> edits = {{EditKind::kSet, "device-batch-size", "7", ""},
                                       {EditKind::kRemove, "a", "", ""}};
  for (const Launch& launch : script.launches) {
    RC_ASSERT(EditLaunch(script, launch, {})->text == text);
    RC_ASSERT(EditLaunch(script, launch, edits).has_value());
  }
}

}  // namespace
}  // namespace vramcast::command
