#include "dryrun/elf_reader.h"

#include <elf.h>

#include <cstring>
#include <string_view>
#include <unordered_map>

#include "base/text.h"

namespace vramcast::dryrun {
namespace {

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  template <typename T>
  Result<T> At(uint64_t offset) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) {
      return UnreadableError("a shared object ends in the middle of a structure", offset);
    }
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }

  Result<std::span<const uint8_t>> Part(uint64_t offset, uint64_t size) const {
    if (offset > bytes_.size() || bytes_.size() - offset < size) {
      return UnreadableError("a section lies outside the file", offset);
    }
    return bytes_.subspan(offset, size);
  }

 private:
  std::span<const uint8_t> bytes_;
};

// A string table: names are given by offset and end at a zero byte inside the table.
class Strings {
 public:
  Strings() = default;
  explicit Strings(std::span<const uint8_t> table)
      : table_(reinterpret_cast<const char*>(table.data()), table.size()) {}

  Result<std::string_view> At(uint64_t offset) const {
    if (offset >= table_.size()) return UnreadableError("a name lies outside its table", offset);
    const size_t end = table_.find('\0', offset);
    if (end == std::string_view::npos) return UnreadableError("a name does not end", offset);
    return table_.substr(offset, end - offset);
  }

 private:
  std::string_view table_;
};

struct Version {
  std::string name;
  std::string library;
};
using Versions = std::unordered_map<uint16_t, Version>;

class Parser {
 public:
  explicit Parser(std::span<const uint8_t> bytes) : reader_(bytes) {}

  Result<ElfLibrary> Parse() {
    for (auto step : {&Parser::ReadSections, &Parser::ReadDynamic, &Parser::ReadNeededVersions,
                      &Parser::ReadDefinedVersions, &Parser::ReadSymbols}) {
      if (Status status = (this->*step)(); !status) return tl::make_unexpected(status.error());
    }
    return std::move(library_);
  }

 private:
  Status ReadSections() {
    const auto header = reader_.At<Elf64_Ehdr>(0);
    if (!header) return tl::make_unexpected(header.error());
    if (std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB) {
      return UnreadableError("not a 64-bit little-endian ELF file", 0);
    }
    if (header->e_shentsize != sizeof(Elf64_Shdr)) {
      return UnreadableError("the shared object has no section headers", 0);
    }
    for (uint64_t i = 0; i < header->e_shnum; ++i) {
      const auto section = reader_.At<Elf64_Shdr>(header->e_shoff + i * sizeof(Elf64_Shdr));
      if (!section) return tl::make_unexpected(section.error());
      sections_.push_back(*section);
    }
    return {};
  }

  const Elf64_Shdr* Find(uint32_t type) const {
    for (const Elf64_Shdr& section : sections_) {
      if (section.sh_type == type) return &section;
    }
    return nullptr;
  }

  Result<Strings> StringsOf(const Elf64_Shdr& section) const {
    if (section.sh_link >= sections_.size()) {
      return UnreadableError("a section names a string table that is not there");
    }
    const Elf64_Shdr& table = sections_[section.sh_link];
    const auto part = reader_.Part(table.sh_offset, table.sh_size);
    if (!part) return tl::make_unexpected(part.error());
    return Strings(*part);
  }

  Status ReadDynamic() {
    const Elf64_Shdr* section = Find(SHT_DYNAMIC);
    if (section == nullptr) return UnreadableError("not a dynamic object");
    const auto strings = StringsOf(*section);
    if (!strings) return tl::make_unexpected(strings.error());
    for (uint64_t i = 0; i < section->sh_size / sizeof(Elf64_Dyn); ++i) {
      const auto entry = reader_.At<Elf64_Dyn>(section->sh_offset + i * sizeof(Elf64_Dyn));
      if (!entry) return tl::make_unexpected(entry.error());
      if (entry->d_tag == DT_NULL) break;
      const bool named = entry->d_tag == DT_NEEDED || entry->d_tag == DT_SONAME ||
                         entry->d_tag == DT_RPATH || entry->d_tag == DT_RUNPATH;
      if (!named) continue;
      const auto name = strings->At(entry->d_un.d_val);
      if (!name) return tl::make_unexpected(name.error());
      if (entry->d_tag == DT_NEEDED) library_.needed.emplace_back(*name);
      if (entry->d_tag == DT_SONAME) library_.soname = *name;
      if (entry->d_tag == DT_RPATH || entry->d_tag == DT_RUNPATH) {
        for (std::string_view path : Split(*name, ':')) library_.search_paths.emplace_back(path);
      }
    }
    return {};
  }

  // Both version tables are linked lists by byte distance; a distance of zero ends the list, and
  // the counts in the section headers bound it, so a list that points back at itself ends too.
  Status ReadNeededVersions() {
    const Elf64_Shdr* section = Find(SHT_GNU_verneed);
    if (section == nullptr) return {};
    const auto strings = StringsOf(*section);
    if (!strings) return tl::make_unexpected(strings.error());
    uint64_t offset = section->sh_offset;
    for (uint32_t i = 0; i < section->sh_info; ++i) {
      const auto need = reader_.At<Elf64_Verneed>(offset);
      if (!need) return tl::make_unexpected(need.error());
      const auto file = strings->At(need->vn_file);
      if (!file) return tl::make_unexpected(file.error());
      uint64_t at = offset + need->vn_aux;
      for (uint32_t k = 0; k < need->vn_cnt; ++k) {
        const auto version = reader_.At<Elf64_Vernaux>(at);
        if (!version) return tl::make_unexpected(version.error());
        const auto name = strings->At(version->vna_name);
        if (!name) return tl::make_unexpected(name.error());
        versions_[version->vna_other & kIndexMask] = {std::string(*name), std::string(*file)};
        if (version->vna_next == 0) break;
        at += version->vna_next;
      }
      if (need->vn_next == 0) break;
      offset += need->vn_next;
    }
    return {};
  }

  Status ReadDefinedVersions() {
    const Elf64_Shdr* section = Find(SHT_GNU_verdef);
    if (section == nullptr) return {};
    const auto strings = StringsOf(*section);
    if (!strings) return tl::make_unexpected(strings.error());
    uint64_t offset = section->sh_offset;
    for (uint32_t i = 0; i < section->sh_info; ++i) {
      const auto definition = reader_.At<Elf64_Verdef>(offset);
      if (!definition) return tl::make_unexpected(definition.error());
      if ((definition->vd_flags & VER_FLG_BASE) == 0) {
        const auto first = reader_.At<Elf64_Verdaux>(offset + definition->vd_aux);
        if (!first) return tl::make_unexpected(first.error());
        const auto name = strings->At(first->vda_name);
        if (!name) return tl::make_unexpected(name.error());
        versions_[definition->vd_ndx & kIndexMask] = {std::string(*name), ""};
      }
      if (definition->vd_next == 0) break;
      offset += definition->vd_next;
    }
    return {};
  }

  Status ReadSymbols() {
    const Elf64_Shdr* symbols = Find(SHT_DYNSYM);
    if (symbols == nullptr) return {};
    const auto strings = StringsOf(*symbols);
    if (!strings) return tl::make_unexpected(strings.error());
    const Elf64_Shdr* versions = Find(SHT_GNU_versym);
    for (uint64_t i = 1; i < symbols->sh_size / sizeof(Elf64_Sym); ++i) {
      const auto symbol = reader_.At<Elf64_Sym>(symbols->sh_offset + i * sizeof(Elf64_Sym));
      if (!symbol) return tl::make_unexpected(symbol.error());
      const auto name = strings->At(symbol->st_name);
      if (!name) return tl::make_unexpected(name.error());
      if (name->empty() || ELF64_ST_BIND(symbol->st_info) == STB_LOCAL) continue;
      ElfSymbol entry{std::string(*name), "", ""};
      if (versions != nullptr) {
        const auto index = reader_.At<uint16_t>(versions->sh_offset + i * sizeof(uint16_t));
        if (!index) return tl::make_unexpected(index.error());
        const auto found = versions_.find(*index & kIndexMask);
        if (found != versions_.end()) {
          entry.version = found->second.name;
          entry.library = found->second.library;
        }
      }
      (symbol->st_shndx == SHN_UNDEF ? library_.undefined : library_.defined)
          .push_back(std::move(entry));
    }
    return {};
  }

  static constexpr uint16_t kIndexMask = 0x7fff;  // the highest bit hides a version

  Reader reader_;
  std::vector<Elf64_Shdr> sections_;
  Versions versions_;
  ElfLibrary library_;
};

}  // namespace

Result<ElfLibrary> ReadElf(std::span<const uint8_t> bytes) { return Parser(bytes).Parse(); }

}  // namespace vramcast::dryrun
