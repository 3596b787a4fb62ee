// `vramcast diagnose FILE…|-`: what happened, why, and what to do.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "base/text.h"
#include "cli/flag_table.h"
#include "cli/recording_log.h"
#include "cli/verbs.h"
#include "command/quote.h"
#include "diagnosis/diagnosis.h"
#include "diagnosis/json.h"
#include "gpu/card.h"

namespace vramcast::cli {
namespace {

using diagnosis::Diagnosis;
using diagnosis::Evidence;
using diagnosis::Finding;
using diagnosis::Remedy;
using diagnosis::Verdict;

// What fits on one screen.
constexpr size_t kEvidenceShown = 3;
constexpr size_t kRemediesShown = 3;

std::string Cited(const Evidence& evidence) {
  const bool place = evidence.source.find(':') != std::string::npos;
  return place ? fmt::format("{} ({})", evidence.text, evidence.source) : AsSentence(evidence.text);
}

// Nothing that is read off a log is certain.
int Percent(double confidence) { return std::min(99, static_cast<int>(confidence * 100 + 0.5)); }

void AddWhy(const Diagnosis& d, bool explain, Document& document) {
  if (d.findings.empty()) {
    return;
  }
  const Finding& first = d.findings.front();
  document.Add(Title{"Why"});
  document.Add(
      Paragraph{AsSentence(fmt::format("{} ({}, {} % sure)", CauseTitle(first.cause),
                                       CauseName(first.cause), Percent(first.confidence)))});
  const size_t shown = explain ? first.evidence.size() : kEvidenceShown;
  for (size_t i = 0; i < first.evidence.size() && i < shown; ++i) {
    document.Add(Bullet{Cited(first.evidence[i])});
  }
  const bool said = d.job && std::any_of(first.evidence.begin(), first.evidence.end(),
                                         [&](const Evidence& evidence) {
                                           return evidence.text == d.job->verdict;
                                         });
  if (d.job && !d.job->verdict.empty() && !said) {
    document.Add(Bullet{AsSentence(d.job->verdict)});
  }
  for (size_t i = 1; i < d.findings.size(); ++i) {
    const Finding& other = d.findings[i];
    if (explain) {
      document.Add(Paragraph{fmt::format("Or: {} ({}, {} %).", CauseTitle(other.cause),
                                         CauseName(other.cause), Percent(other.confidence))});
      for (const Evidence& evidence : other.evidence) {
        document.Add(Bullet{Cited(evidence)});
      }
    } else if (i == 1 && other.confidence >= 0.15) {
      document.Add(Paragraph{
          fmt::format("Or: {} ({} %).", CauseTitle(other.cause), Percent(other.confidence))});
    }
  }
}

void AddRemedies(const Diagnosis& d, bool explain, Document& document) {
  if (d.remedies.empty()) {
    return;
  }
  document.Add(Title{"What to do"});
  const size_t shown = explain ? d.remedies.size() : kRemediesShown;
  for (size_t i = 0; i < d.remedies.size() && i < shown; ++i) {
    const Remedy& remedy = d.remedies[i];
    std::string action = AsSentence(remedy.action);
    if (remedy.forecast) {
      action += fmt::format(
          " Forecast: {} at its peak{}.", FormatBytes(remedy.forecast->peak_device),
          remedy.forecast->capacity ? fmt::format(" of {}", FormatBytes(*remedy.forecast->capacity))
                                    : "");
    }
    document.Add(Bullet{std::move(action)});
    if (!remedy.command.empty()) {
      document.Add(Code{remedy.command});
    }
  }
}

// Text holds no NUL bytes, save a few where a disk or a pipe failed.
bool IsBinary(const crashlog::LogReport& report) {
  return report.looks_binary || report.nul_bytes * 1000 > report.bytes;
}

Document ToDocument(const Diagnosis& d, bool explain) {
  Document document;
  document.Add(Paragraph{d.summary, d.main ? Tone::kBad : Tone::kPlain});
  AddWhy(d, explain, document);
  AddRemedies(d, explain, document);
  for (const auto* list : {&d.next, &d.others}) {
    for (const std::string& sentence : *list) {
      document.Add(Paragraph{sentence});
    }
  }
  if (explain) {
    if (!d.when.empty()) {
      document.Add(Title{"When"});
      for (const Evidence& evidence : d.when) {
        document.Add(Bullet{Cited(evidence)});
      }
    }
    if (d.job) {
      for (const std::string& note : d.job->notes) {
        document.Add(Paragraph{AsSentence(note)});
      }
    }
  }
  for (const std::string& sentence : d.skipped) {
    document.Add(Paragraph{sentence, Tone::kWarning});
  }
  return document;
}

class DiagnoseVerb : public Verb {
 public:
  std::string_view name() const override { return "diagnose"; }
  std::string_view description() const override {
    return "why a run died of memory, from its log or snapshot, and what to do";
  }

  void Declare(FlagTable& flags) override {
    flags.Value("FILE", files_,
                "logs or memory snapshots of the run, one or several ranks; - is standard input");
    flags.Value("--gpu", gpu_, "the card it ran on: a name or a size");
    flags.Value("--revision", revision_, "of nanochat: a commit, a date or a name");
    flags.Switch("--json", json_, "print JSON only");
    flags.Switch("--explain", explain_, "all evidence, every cause and every remedy");
  }

  Result<Exit> Run(const std::vector<std::string>& command, Output& output) override {
    diagnosis::Hints hints;
    hints.command = command;
    if (!revision_.empty()) {
      auto revision = nanochat::FindRevision(revision_);
      if (!revision) return tl::make_unexpected(revision.error());
      hints.revision = revision_;
    }
    if (!gpu_.empty()) {
      auto match = gpu::FindCard(gpu_);
      if (!match) return tl::make_unexpected(match.error());
      hints.card = std::move(match->card);
    }
    if (files_.empty() && command.empty()) {
      if (isatty(STDIN_FILENO) == 1) {
        return UsageError("which log? vramcast diagnose FILE… (- for standard input)");
      }
      files_.push_back("-");
    }

    std::vector<diagnosis::Log> logs;
    std::optional<Error> unreadable;
    for (const std::string& file : files_) {
      auto log = diagnosis::ReadLog(file);
      if (log && log->report.events.empty() && IsBinary(log->report)) {
        log = ReadRecording(file, log->name);
        if (log) recordings_.push_back(file);
      }
      if (log) {
        logs.push_back(std::move(*log));
        continue;
      }
      if (files_.size() > 1) output.Note(log.error().message);
      unreadable = log.error();
    }
    if (unreadable && logs.empty()) return tl::make_unexpected(*unreadable);

    Diagnosis d = diagnosis::Diagnose(std::move(logs), hints);
    if (unreadable) {
      d.skipped.push_back("not all logs could be read: " + unreadable->message);
    }
    if (!d.main && !recordings_.empty() && recordings_.size() == files_.size()) {
      d.summary = "Memory did not run out while this was recorded.";
    }
    if (json_) {
      for (const std::string& closer : Closer()) {
        d.next.push_back("What filled the memory, line by line: " + closer);
      }
      output.out() << diagnosis::ToJson(d).dump(2, ' ', false,
                                                nlohmann::json::error_handler_t::replace)
                   << '\n';
    } else {
      Document document = ToDocument(d, explain_);
      if (!recordings_.empty()) {
        document.Add(Paragraph{"What filled the memory, line by line, and what would help:"});
        for (std::string& closer : Closer()) document.Add(Code{std::move(closer)});
      }
      output.Print(document);
    }
    if (d.verdict == Verdict::kGpuMemory || d.verdict == Verdict::kHostMemory) {
      return Exit::kBadNews;
    }
    if (unreadable) return Exit::kUnreadable;
    const bool will_die =
        d.logs.empty() && d.job && d.job->forecast && d.job->forecast->fits.value_or(true) == false;
    return will_die ? Exit::kBadNews : Exit::kYes;
  }

 private:
  // Commands that look at the recordings themselves.
  std::vector<std::string> Closer() const {
    std::vector<std::string> commands;
    for (const std::string& file : recordings_) {
      commands.push_back("vramcast snapshot " + command::Quote(file));
    }
    return commands;
  }

  // What is no text may be a memory snapshot.
  static Result<diagnosis::Log> ReadRecording(const std::string& file, const std::string& name) {
    if (file != "-") {
      const auto loaded = LoadRecording(file, {});
      if (loaded) return LogOfRecording(*loaded);
      if (loaded.error().kind != ErrorKind::kUnreadable) {
        return tl::make_unexpected(loaded.error());
      }
    }
    return UnreadableError(
        fmt::format("{} is neither the log of a run nor a memory snapshot", name));
  }

  std::vector<std::string> files_, recordings_;
  std::string gpu_, revision_;
  bool json_ = false;
  bool explain_ = false;
};

}  // namespace

std::unique_ptr<Verb> MakeDiagnoseVerb() { return std::make_unique<DiagnoseVerb>(); }

}  // namespace vramcast::cli
