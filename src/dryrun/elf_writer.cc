#include "dryrun/elf_writer.h"

#include <elf.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <span>
#include <string_view>

namespace vramcast::dryrun {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kTrampoline = 16;  // bytes a symbol

uint32_t ElfHash(std::string_view name) {
  uint32_t hash = 0;
  for (const char c : name) {
    hash = (hash << 4) + static_cast<uint8_t>(c);
    const uint32_t high = hash & 0xf0000000;
    if (high != 0) hash ^= high >> 24;
    hash &= ~high;
  }
  return hash;
}

class StringTable {
 public:
  uint32_t Add(const std::string& text) {
    const auto [at, fresh] = known_.emplace(text, static_cast<uint32_t>(bytes_.size()));
    if (fresh) bytes_.append(text).push_back('\0');
    return at->second;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_ = std::string(1, '\0');
  std::map<std::string, uint32_t> known_ = {{"", 0}};
};

template <typename T>
void Append(std::string* out, const T& value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(T));
}

enum Section : uint16_t {
  kNone,
  kDynsym,
  kDynstr,
  kHash,
  kVersym,
  kVerdef,
  kRela,
  kNames,
  kText,
  kDynamic,
  kTable,
  kShstr,
  kSections
};
constexpr std::string_view kSectionNames[kSections] = {
    "",          ".dynsym", ".dynstr", ".hash",    ".gnu.version", ".gnu.version_d",
    ".rela.dyn", ".rodata", ".text",   ".dynamic", ".got",         ".shstrtab"};

struct Placed {
  std::string bytes;
  uint64_t offset = 0;  // in the file and in memory alike
};

class Writer {
 public:
  explicit Writer(const StubLibrary& library) : library_(library) {}

  std::string Write() {
    CollectVersions();
    CollectTargets();
    MakeSymbols();
    MakeHash();
    MakeVersions();
    MakeNames();
    // Sizes are known now; the rest depends on where things lie.
    parts_[kRela].bytes.resize(targets_.size() * sizeof(Elf64_Rela));
    parts_[kText].bytes.resize(library_.symbols.size() * kTrampoline);
    dynamic_count_ = versions_.empty() ? 12 : 15;
    parts_[kDynamic].bytes.resize(dynamic_count_ * sizeof(Elf64_Dyn));
    parts_[kTable].bytes.resize(targets_.size() * sizeof(uint64_t));
    soname_ = strings_.Add(library_.soname);
    needed_ = strings_.Add(library_.needed);
    runpath_ = strings_.Add("$ORIGIN");
    parts_[kDynstr].bytes = strings_.bytes();
    MakeSectionNames();
    Place();
    FillSymbols();
    FillRelocations();
    FillText();
    FillDynamic();
    return Assemble();
  }

 private:
  void CollectVersions() {
    for (const StubSymbol& symbol : library_.symbols) {
      if (!symbol.version.empty()) versions_.emplace(symbol.version, 0);
    }
    uint16_t next = 2;  // 0: local, 1: the library itself
    for (auto& [name, index] : versions_) index = next++;
  }

  void CollectTargets() {
    targets_.push_back(library_.fallback);
    for (const StubSymbol& symbol : library_.symbols) {
      if (!symbol.target.empty()) targets_.push_back(symbol.target);
    }
    std::sort(targets_.begin() + 1, targets_.end());
    targets_.erase(std::unique(targets_.begin() + 1, targets_.end()), targets_.end());
    for (size_t i = 0; i < targets_.size(); ++i) target_index_.emplace(targets_[i], i);
  }

  // The undefined functions of the library behind come first, then what is exported.
  void MakeSymbols() {
    symbols_.push_back({});
    versyms_.push_back(VER_NDX_LOCAL);
    for (const std::string& target : targets_) {
      Elf64_Sym symbol{};
      symbol.st_name = strings_.Add(target);
      symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE);
      symbols_.push_back(symbol);
      versyms_.push_back(VER_NDX_GLOBAL);
      symbol_names_.push_back(target);
    }
    std::set<std::string> seen;
    for (const StubSymbol& exported : library_.symbols) {
      Elf64_Sym symbol{};
      symbol.st_name = strings_.Add(exported.name);
      symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
      symbol.st_shndx = kText;
      symbol.st_size = kTrampoline;
      symbols_.push_back(symbol);
      uint16_t version = exported.version.empty() ? VER_NDX_GLOBAL : versions_[exported.version];
      if (!seen.insert(exported.name).second) version |= 0x8000;  // not the default
      versyms_.push_back(version);
      symbol_names_.push_back(exported.name);
    }
    parts_[kDynsym].bytes.resize(symbols_.size() * sizeof(Elf64_Sym));
  }

  void MakeHash() {
    const uint32_t buckets = std::max<uint32_t>(1, static_cast<uint32_t>(symbols_.size() / 2));
    std::vector<uint32_t> words(2 + buckets + symbols_.size());
    words[0] = buckets;
    words[1] = static_cast<uint32_t>(symbols_.size());
    for (uint32_t i = 1; i < symbols_.size(); ++i) {
      uint32_t& bucket = words[2 + ElfHash(symbol_names_[i - 1]) % buckets];
      words[2 + buckets + i] = bucket;
      bucket = i;
    }
    for (const uint32_t word : words) Append(&parts_[kHash].bytes, word);
  }

  void MakeVersions() {
    if (versions_.empty()) return;
    for (const uint16_t version : versyms_) Append(&parts_[kVersym].bytes, version);
    AppendVersion(library_.soname, 1, VER_FLG_BASE, false);
    size_t left = versions_.size();
    for (const auto& [name, index] : versions_) AppendVersion(name, index, 0, --left == 0);
  }

  void AppendVersion(const std::string& name, uint16_t index, uint16_t flags, bool last) {
    Elf64_Verdef definition{};
    definition.vd_version = VER_DEF_CURRENT;
    definition.vd_flags = flags;
    definition.vd_ndx = index;
    definition.vd_cnt = 1;
    definition.vd_hash = ElfHash(name);
    definition.vd_aux = sizeof(Elf64_Verdef);
    definition.vd_next = last ? 0 : sizeof(Elf64_Verdef) + sizeof(Elf64_Verdaux);
    Append(&parts_[kVerdef].bytes, definition);
    Append(&parts_[kVerdef].bytes, Elf64_Verdaux{strings_.Add(name), 0});
  }

  // The names that go to the fallback, as C strings.
  void MakeNames() {
    for (const StubSymbol& symbol : library_.symbols) {
      name_offsets_.push_back(parts_[kNames].bytes.size());
      if (symbol.target.empty()) parts_[kNames].bytes.append(symbol.name).push_back('\0');
    }
  }

  void MakeSectionNames() {
    for (const std::string_view name : kSectionNames) {
      section_name_offsets_.push_back(static_cast<uint32_t>(parts_[kShstr].bytes.size()));
      parts_[kShstr].bytes.append(name).push_back('\0');
    }
  }

  static constexpr size_t kSegments = 5;  // read, execute, write, dynamic, stack

  void Place() {
    uint64_t at = sizeof(Elf64_Ehdr) + kSegments * sizeof(Elf64_Phdr);
    for (uint16_t section = kDynsym; section < kSections; ++section) {
      const bool new_page = section == kText || section == kDynamic || section == kShstr;
      const uint64_t step = new_page ? kPage : 16;
      at = (at + step - 1) / step * step;
      parts_[section].offset = at;
      at += parts_[section].bytes.size();
    }
    at = (at + 15) / 16 * 16;
    section_headers_ = at;
  }

  void FillSymbols() {
    const size_t first = 1 + targets_.size();
    for (size_t i = first; i < symbols_.size(); ++i) {
      symbols_[i].st_value = parts_[kText].offset + (i - first) * kTrampoline;
    }
    std::memcpy(parts_[kDynsym].bytes.data(), symbols_.data(), parts_[kDynsym].bytes.size());
  }

  void FillRelocations() {
    std::string bytes;
    for (size_t i = 0; i < targets_.size(); ++i) {
      Append(&bytes, Elf64_Rela{parts_[kTable].offset + i * sizeof(uint64_t),
                                ELF64_R_INFO(i + 1, R_X86_64_GLOB_DAT), 0});
    }
    parts_[kRela].bytes = bytes;
  }

  // A distance from the end of an instruction, as x86-64 addresses data.
  static void PutDistance(char* at, uint64_t from, uint64_t to) {
    const int32_t distance = static_cast<int32_t>(static_cast<int64_t>(to - from));
    std::memcpy(at, &distance, sizeof distance);
  }

  void FillText() {
    std::string& text = parts_[kText].bytes;
    std::fill(text.begin(), text.end(), static_cast<char>(0xcc));  // int3
    for (size_t i = 0; i < library_.symbols.size(); ++i) {
      const StubSymbol& symbol = library_.symbols[i];
      const bool known = !symbol.target.empty();
      const size_t target = known ? target_index_.at(symbol.target) : 0;
      uint64_t at = i * kTrampoline;
      if (!known) {  // lea r11, [rip + name]
        std::memcpy(&text[at], "\x4c\x8d\x1d", 3);
        PutDistance(&text[at + 3], parts_[kText].offset + at + 7,
                    parts_[kNames].offset + name_offsets_[i]);
        at += 7;
      }
      std::memcpy(&text[at], "\xff\x25", 2);  // jmp [rip + table entry]
      PutDistance(&text[at + 2], parts_[kText].offset + at + 6,
                  parts_[kTable].offset + target * sizeof(uint64_t));
    }
  }

  void FillDynamic() {
    std::string bytes;
    const auto add = [&bytes](int64_t tag, uint64_t value) {
      Elf64_Dyn entry{};
      entry.d_tag = tag;
      entry.d_un.d_val = value;
      Append(&bytes, entry);
    };
    add(DT_SONAME, soname_);
    add(DT_NEEDED, needed_);
    add(DT_RUNPATH, runpath_);
    add(DT_HASH, parts_[kHash].offset);
    add(DT_STRTAB, parts_[kDynstr].offset);
    add(DT_STRSZ, parts_[kDynstr].bytes.size());
    add(DT_SYMTAB, parts_[kDynsym].offset);
    add(DT_SYMENT, sizeof(Elf64_Sym));
    add(DT_RELA, parts_[kRela].offset);
    add(DT_RELASZ, parts_[kRela].bytes.size());
    add(DT_RELAENT, sizeof(Elf64_Rela));
    if (!versions_.empty()) {
      add(DT_VERSYM, parts_[kVersym].offset);
      add(DT_VERDEF, parts_[kVerdef].offset);
      add(DT_VERDEFNUM, versions_.size() + 1);
    }
    add(DT_NULL, 0);
    parts_[kDynamic].bytes = bytes;
  }

  uint64_t EndOf(Section section) const {
    return parts_[section].offset + parts_[section].bytes.size();
  }

  Elf64_Phdr Segment(uint32_t type, uint32_t flags, uint64_t begin, uint64_t end,
                     uint64_t align) const {
    return {type, flags, begin, begin, begin, end - begin, end - begin, align};
  }

  Elf64_Shdr SectionHeader(uint16_t section) const {
    Elf64_Shdr header{};
    if (section == kNone) return header;
    const bool empty = parts_[section].bytes.empty();
    header.sh_name = section_name_offsets_[section];
    header.sh_offset = parts_[section].offset;
    header.sh_size = parts_[section].bytes.size();
    header.sh_addralign = 8;
    header.sh_flags = SHF_ALLOC;
    if (section != kShstr) header.sh_addr = parts_[section].offset;
    const auto describe = [&header](uint32_t type, uint32_t link, uint32_t info, uint64_t entry) {
      header.sh_type = type;
      header.sh_link = link;
      header.sh_info = info;
      header.sh_entsize = entry;
    };
    switch (section) {
      case kDynsym:
        describe(SHT_DYNSYM, kDynstr, 1, sizeof(Elf64_Sym));
        break;
      case kDynstr:
        describe(SHT_STRTAB, 0, 0, 0);
        break;
      case kHash:
        describe(SHT_HASH, kDynsym, 0, 4);
        break;
      case kVersym:
        describe(empty ? SHT_PROGBITS : SHT_GNU_versym, kDynsym, 0, 2);
        break;
      case kVerdef:
        describe(empty ? SHT_PROGBITS : SHT_GNU_verdef, kDynstr,
                 static_cast<uint32_t>(versions_.size() + 1), 0);
        break;
      case kRela:
        describe(SHT_RELA, kDynsym, 0, sizeof(Elf64_Rela));
        break;
      case kDynamic:
        describe(SHT_DYNAMIC, kDynstr, 0, sizeof(Elf64_Dyn));
        header.sh_flags |= SHF_WRITE;
        break;
      case kShstr:
        describe(SHT_STRTAB, 0, 0, 0);
        header.sh_flags = 0;
        break;
      default:
        describe(SHT_PROGBITS, 0, 0, 0);
        if (section == kText) header.sh_flags |= SHF_EXECINSTR;
        if (section == kTable) header.sh_flags |= SHF_WRITE;
    }
    return header;
  }

  std::string Assemble() const {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_DYN;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_phoff = sizeof(Elf64_Ehdr);
    header.e_shoff = section_headers_;
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = kSegments;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = kSections;
    header.e_shstrndx = kShstr;
    std::string file;
    Append(&file, header);
    Append(&file, Segment(PT_LOAD, PF_R, 0, EndOf(kNames), kPage));
    Append(&file, Segment(PT_LOAD, PF_R | PF_X, parts_[kText].offset, EndOf(kText), kPage));
    Append(&file, Segment(PT_LOAD, PF_R | PF_W, parts_[kDynamic].offset, EndOf(kTable), kPage));
    Append(&file, Segment(PT_DYNAMIC, PF_R | PF_W, parts_[kDynamic].offset, EndOf(kDynamic), 8));
    Append(&file, Segment(PT_GNU_STACK, PF_R | PF_W, 0, 0, 16));
    for (uint16_t section = kDynsym; section < kSections; ++section) {
      file.resize(parts_[section].offset, '\0');
      file += parts_[section].bytes;
    }
    file.resize(section_headers_, '\0');
    for (uint16_t section = kNone; section < kSections; ++section) {
      Append(&file, SectionHeader(section));
    }
    return file;
  }

  const StubLibrary& library_;
  std::map<std::string, uint16_t> versions_;  // name -> index
  std::vector<std::string> targets_;
  std::map<std::string, size_t> target_index_;
  StringTable strings_;
  std::vector<Elf64_Sym> symbols_;
  std::vector<uint16_t> versyms_;
  std::vector<std::string> symbol_names_;  // of symbols_ from 1
  std::vector<uint64_t> name_offsets_;     // by library symbol, in kNames
  std::vector<uint32_t> section_name_offsets_;
  size_t dynamic_count_ = 0;
  uint32_t soname_ = 0;
  uint32_t needed_ = 0;
  uint32_t runpath_ = 0;
  uint64_t section_headers_ = 0;
  Placed parts_[kSections];
};

}  // namespace

std::string WriteStub(const StubLibrary& library) { return Writer(library).Write(); }

}  // namespace vramcast::dryrun
