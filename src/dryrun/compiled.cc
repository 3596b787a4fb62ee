#include "dryrun/compiled.h"

#include <fmt/format.h>

#include <map>

#include "base/text.h"
#include "dryrun/files.h"

namespace vramcast::dryrun {
namespace {

constexpr std::string_view kHead = "# AOT ID: ['";  // torch/_inductor/codegen/wrapper.py, 2.9
constexpr std::string_view kFused = "fused";
constexpr std::string_view kOwnFile = "<frozen vramcast>";  // as Python names what is built in
constexpr size_t kLongest = 48;                             // characters of a kernel's name

bool IsWord(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// The word that ends before `end`.
std::string_view WordBefore(std::string_view line, size_t end) {
  size_t begin = end;
  while (begin > 0 && IsWord(line[begin - 1])) --begin;
  return line.substr(begin, end - begin);
}

// "triton_poi_fused_add__to_copy_mul_12" -> "fused add to copy mul".
std::string Readable(std::string_view kernel) {
  const size_t fused = kernel.find(kFused);
  std::string_view rest = fused == std::string_view::npos ? kernel : kernel.substr(fused);
  const size_t number = rest.find_last_not_of("0123456789");
  if (number != std::string_view::npos && rest[number] == '_') rest = rest.substr(0, number);
  std::string name;
  for (const char c : rest) {
    if (c != '_') {
      name += c;
    } else if (!name.empty() && name.back() != ' ') {
      name += ' ';
    }
  }
  if (name.size() > kLongest) name = name.substr(0, name.rfind(' ', kLongest)) + " …";
  return name;
}

}  // namespace

std::optional<std::string> CompiledPart(std::string_view source) {
  if (!source.starts_with(kHead)) return std::nullopt;
  const std::string_view id =
      source.substr(kHead.size(), source.find('\'', kHead.size()) - kHead.size());
  return std::string(id.substr(id.find('_') + 1));
}

std::string KernelAfter(std::string_view source, uint64_t line) {
  size_t at = 0;
  for (uint64_t i = 1; i < line && at != std::string_view::npos; ++i) {
    at = source.find('\n', at);
    if (at != std::string_view::npos) ++at;
  }
  while (at < source.size()) {
    const std::string_view text = source.substr(at, source.find('\n', at) - at);
    if (Trim(text).starts_with("return")) break;
    if (const size_t run = text.find(".run("); run != std::string_view::npos) {
      return Readable(WordBefore(text, run));
    }
    for (const std::string_view caller : {"extern_kernels.", "torch.ops.aten."}) {
      const size_t begin = text.find(caller);
      if (begin == std::string_view::npos || Trim(text).starts_with('#')) continue;
      size_t end = begin + caller.size();
      while (end < text.size() && IsWord(text[end])) ++end;
      return std::string(WordBefore(text, end));
    }
    at += text.size() + 1;
  }
  return "";
}

void NameCompiled(const std::filesystem::path& own_folder, Recording* recording) {
  const std::string own = own_folder.string();
  struct Generated {
    std::string source;
    std::optional<std::string> part;
  };
  std::map<uint32_t, Generated> files;  // by StringId
  for (Frame& frame : recording->frames) {
    if (recording->strings[frame.file].starts_with(own)) {
      frame.file = recording->strings.Intern(kOwnFile);
      continue;
    }
    const std::string_view function = recording->strings[frame.function];
    if (function != "call") continue;
    const auto [entry, fresh] = files.try_emplace(frame.file.value);
    Generated& file = entry->second;
    if (fresh) {
      auto source = ReadWhole(std::string(recording->strings[frame.file]));
      if (source) file.part = CompiledPart(*source);
      if (file.part) file.source = std::move(*source);
    }
    if (!file.part) continue;
    const std::string kernel = KernelAfter(file.source, frame.line);
    frame.file = recording->strings.Intern(fmt::format("compiled {}", *file.part));
    frame.function = recording->strings.Intern(kernel.empty() ? "(the result)" : kernel);
    frame.line = 0;
  }
}

}  // namespace vramcast::dryrun
