#include "nanochat/checkout.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>

#include "base/text.h"
#include "nanochat/sha1.h"
#include "nanochat/tables.h"

namespace vramcast::nanochat {
namespace {

namespace fs = std::filesystem;

// No file of interest is larger: a stray one is not read to the end.
constexpr uintmax_t kMostBytes = uintmax_t{8} << 20;

std::optional<std::string> ReadSmall(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error) || error) return std::nullopt;
  const uintmax_t size = fs::file_size(path, error);
  if (error || size > kMostBytes) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

bool IsCommit(std::string_view text) {
  return text.size() == 40 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// The folder that .git is or points to (worktrees and submodules have a file there).
std::optional<fs::path> GitFolder(const fs::path& root) {
  const fs::path dot_git = root / ".git";
  std::error_code error;
  if (fs::is_directory(dot_git, error)) return dot_git;
  const auto text = ReadSmall(dot_git);
  constexpr std::string_view kKey = "gitdir:";
  if (!text || !text->starts_with(kKey)) return std::nullopt;
  const fs::path target(std::string(Trim(std::string_view(*text).substr(kKey.size()))));
  return target.is_absolute() ? target : root / target;
}

std::optional<std::string> FindPacked(const fs::path& folder, std::string_view name) {
  const auto packed = ReadSmall(folder / "packed-refs");
  if (!packed) return std::nullopt;
  for (const std::string_view line : Split(*packed, '\n')) {
    if (line.size() > 41 && line[40] == ' ' && Trim(line.substr(41)) == name) {
      return std::string(line.substr(0, 40));
    }
  }
  return std::nullopt;
}

// What HEAD stands for, followed through symbolic references.
std::optional<std::string> ReadHead(const fs::path& git) {
  fs::path common = git;
  if (const auto text = ReadSmall(git / "commondir")) {
    const fs::path target{std::string(Trim(*text))};
    common = target.is_absolute() ? target : git / target;
  }
  std::string name = "HEAD";
  constexpr int kMostSteps = 5;  // as git itself follows
  for (int step = 0; step < kMostSteps; ++step) {
    if (name.find("..") != std::string::npos || name.starts_with('/')) return std::nullopt;
    auto text = ReadSmall(git / name);
    if (!text) text = ReadSmall(common / name);
    if (!text) text = FindPacked(common, name);
    if (!text) return std::nullopt;
    const std::string_view value = Trim(*text);
    if (IsCommit(value)) return std::string(value);
    constexpr std::string_view kKey = "ref:";
    if (!value.starts_with(kKey)) return std::nullopt;
    name = std::string(Trim(value.substr(kKey.size())));
  }
  return std::nullopt;
}

std::optional<fs::path> FindRoot(fs::path folder) {
  std::error_code error;
  folder = fs::absolute(folder, error);
  if (error) return std::nullopt;
  while (true) {
    if (fs::is_regular_file(folder / "nanochat" / "gpt.py", error) ||
        fs::is_regular_file(folder / "scripts" / "base_train.py", error)) {
      return folder;
    }
    if (!folder.has_relative_path() || folder.parent_path() == folder) return std::nullopt;
    folder = folder.parent_path();
  }
}

// One tracked file of the checkout: which blob of upstream it is.
struct FileState {
  static constexpr int kAbsent = -1, kForeign = -2;
  int blob = kAbsent;
};

std::vector<FileState> LookAtFiles(const fs::path& root) {
  std::vector<FileState> states;
  for (const std::string_view path : TrackedFiles()) {
    FileState state;
    if (auto content = ReadSmall(root / path)) {
      state.blob = FileState::kForeign;
      const auto look_up = [&] {
        const std::string hash = GitBlobHash(*content);
        for (int blob = 0; blob < BlobCount(); ++blob) {
          if (BlobHash(blob) == hash) state.blob = blob;
        }
      };
      look_up();
      if (state.blob == FileState::kForeign && content->find('\r') != std::string::npos) {
        std::erase(*content, '\r');  // checked out with Windows line ends
        look_up();
      }
    }
    states.push_back(state);
  }
  return states;
}

int CountMatches(const std::vector<FileState>& states, int tree) {
  int matches = 0;
  for (size_t file = 0; file < states.size(); ++file) {
    matches += states[file].blob == BlobOf(tree, static_cast<int>(file));
  }
  return matches;
}

// The newest commit of master whose files are most like these.
Revision MostAlike(const std::vector<FileState>& states) {
  std::vector<int> matches;
  for (int tree = 0; tree < TreeCount(); ++tree) matches.push_back(CountMatches(states, tree));
  CommitRow best;
  int best_matches = -1;
  for (int row = 0; row < CommitCount(); ++row) {
    const CommitRow commit = CommitAt(row);
    if (commit.kind != CommitKind::kMaster) continue;
    const int found = matches[static_cast<size_t>(commit.link)];
    if (found > best_matches || (found == best_matches && commit.time > best.time)) {
      best = commit;
      best_matches = found;
    }
  }
  return *KnownCommit(best.hash);
}

}  // namespace

Result<Checkout> DetectCheckout(const fs::path& directory) {
  const std::optional<fs::path> root = FindRoot(directory);
  if (!root) return UnreadableError("there is no nanochat in or above " + directory.string());
  Checkout checkout;
  checkout.root = *root;
  if (const auto git = GitFolder(*root)) checkout.head = ReadHead(*git);

  const std::vector<FileState> states = LookAtFiles(*root);
  checkout.compared = static_cast<int>(states.size());
  checkout.revision = MostAlike(states);
  checkout.matching = CountMatches(states, checkout.revision.tree);
  const auto head = checkout.head ? KnownCommit(*checkout.head) : std::nullopt;
  // HEAD is believed unless the files are those of another commit altogether.
  if (head && (checkout.matching < checkout.compared ||
               CountMatches(states, head->tree) == checkout.compared)) {
    checkout.revision = *head;
    checkout.matching = CountMatches(states, head->tree);
  }
  for (size_t file = 0; file < states.size(); ++file) {
    if (states[file].blob != BlobOf(checkout.revision.tree, static_cast<int>(file))) {
      checkout.modified.emplace_back(TrackedFiles()[file]);
    }
  }

  Revision& revision = checkout.revision;
  if (!checkout.modified.empty()) {
    // Half of the files changed: nothing upstream says much about this code.
    revision.certainty =
        checkout.matching * 2 < checkout.compared ? Certainty::kNearest : Certainty::kModified;
    revision.note = "like " + revision.ShortCommit() + " of " + revision.Date() + " but for " +
                    Join(checkout.modified, ", ");
  } else if (!head) {
    revision.note = "its files are those of " + revision.ShortCommit();
  }
  return checkout;
}

}  // namespace vramcast::nanochat
