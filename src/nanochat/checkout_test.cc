#include "nanochat/checkout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "nanochat/sha1.h"
#include "nanochat/tables.h"

namespace vramcast::nanochat {
namespace {

namespace fs = std::filesystem;

// A folder that is gone after the test.
class CheckoutTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() /
            ("vramcast-checkout-" + std::to_string(getpid()) + "-" +
             ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(root_);
    Write("nanochat/gpt.py", "a model of one's own\n");
    Write("scripts/base_train.py", "a script of one's own\n");
  }
  void TearDown() override { fs::remove_all(root_); }

  void Write(const fs::path& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path, std::ios::binary) << text;
  }

  std::string Full(std::string_view revision) { return FindRevision(revision)->commit; }

  fs::path root_;
};

TEST_F(CheckoutTest, HeadIsReadFromALooseReference) {
  Write(".git/HEAD", "ref: refs/heads/master\n");
  Write(".git/refs/heads/master", Full("83dccc2") + "\n");
  const auto checkout = DetectCheckout(root_);
  ASSERT_TRUE(checkout) << checkout.error().message;
  EXPECT_EQ(checkout->head, Full("83dccc2"));
  EXPECT_EQ(checkout->revision.commit, Full("83dccc2"));
  EXPECT_NE(checkout->revision.certainty, Certainty::kExact);
  EXPECT_THAT(checkout->modified, ::testing::Contains("nanochat/gpt.py"));
}

TEST_F(CheckoutTest, HeadIsReadFromPackedReferencesAndDetached) {
  Write(".git/HEAD", "ref: refs/heads/work\n");
  Write(".git/packed-refs",
        "# pack-refs with: peeled fully-peeled sorted\n" + Full("92d63d4") + " refs/heads/work\n");
  EXPECT_EQ(DetectCheckout(root_)->head, Full("92d63d4"));
  Write(".git/HEAD", Full("dd6ff9a") + "\n");
  EXPECT_EQ(DetectCheckout(root_)->head, Full("dd6ff9a"));
}

TEST_F(CheckoutTest, WorktreesPointElsewhere) {
  Write(".git", "gitdir: store/worktrees/one\n");
  Write("store/worktrees/one/HEAD", "ref: refs/heads/master\n");
  Write("store/worktrees/one/commondir", "../..\n");
  Write("store/refs/heads/master", Full("oct2025") + "\n");
  EXPECT_EQ(DetectCheckout(root_)->revision.commit, Full("oct2025"));
}

TEST_F(CheckoutTest, ItIsFoundFromBelow) {
  Write(".git/HEAD", Full("dd6ff9a") + "\n");
  fs::create_directories(root_ / "dev" / "deep");
  const auto checkout = DetectCheckout(root_ / "dev" / "deep");
  ASSERT_TRUE(checkout);
  EXPECT_EQ(checkout->root, root_);
}

TEST_F(CheckoutTest, WithoutGitTheFilesDecideAndNothingAlikeIsSaid) {
  const auto checkout = DetectCheckout(root_);
  ASSERT_TRUE(checkout);
  EXPECT_EQ(checkout->head, std::nullopt);
  EXPECT_EQ(checkout->revision.certainty, Certainty::kNearest);
  EXPECT_FALSE(checkout->revision.note.empty());
}

TEST_F(CheckoutTest, OddGitFoldersAreNoHarm) {
  Write(".git/HEAD", "ref: ../../../etc/passwd\n");
  EXPECT_EQ(DetectCheckout(root_)->head, std::nullopt);
  Write(".git/HEAD", "ref: HEAD\n");
  EXPECT_EQ(DetectCheckout(root_)->head, std::nullopt);
  Write(".git/HEAD", std::string("\0\xff\n", 3));
  EXPECT_EQ(DetectCheckout(root_)->head, std::nullopt);
}

TEST_F(CheckoutTest, AFolderWithoutNanochatIsAnError) {
  const auto checkout = DetectCheckout("/");
  ASSERT_FALSE(checkout);
  EXPECT_EQ(checkout.error().kind, ErrorKind::kUnreadable);
}

// An unpacked archive of upstream, if there is one to look at.
TEST(CheckoutOfUpstream, IsRecognisedByItsFiles) {
  const char* clone = std::getenv("NANOCHAT_CHECKOUT");
  if (clone == nullptr) GTEST_SKIP() << "set NANOCHAT_CHECKOUT to a clean checkout";
  const auto checkout = DetectCheckout(clone);
  ASSERT_TRUE(checkout);
  EXPECT_EQ(checkout->matching, checkout->compared);
  EXPECT_EQ(checkout->revision.certainty, Certainty::kExact);
}

}  // namespace
}  // namespace vramcast::nanochat
