// SQLite behind the few operations that the store needs, with failures sorted by what can be done
// about them. Nothing outside this room sees it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace vramcast::store {

enum class Outcome : uint8_t {
  kRow,      // a row is there to be read
  kDone,     // finished
  kBusy,     // another process writes: try again later
  kFull,     // no room, or the disk cannot be written
  kCorrupt,  // not a database, or a damaged one
  kFailed,   // anything else
};

class Statement {
 public:
  Statement(sqlite3* database, std::string_view sql);

  // Parameters in the order of the question marks; a statement is reset by the first of them.
  template <typename... Values>
  Statement& Bind(const Values&... values) {
    Reset();
    int place = 0;
    (BindOne(++place, values), ...);
    return *this;
  }
  Outcome Step();
  // Steps once and is done with it: for what returns no rows.
  Outcome Run();
  void Reset();

  int64_t Int(int column) const;
  double Real(int column) const;
  std::string Text(int column) const;
  bool IsNull(int column) const;
  std::optional<int64_t> MaybeInt(int column) const;
  std::optional<double> MaybeReal(int column) const;
  std::optional<Bytes> MaybeBytes(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };

  void BindOne(int place, int64_t value);
  void BindOne(int place, int value) { BindOne(place, static_cast<int64_t>(value)); }
  void BindOne(int place, double value);
  void BindOne(int place, Bytes value) { BindOne(place, value.count()); }
  void BindOne(int place, const std::string& value);
  void BindNull(int place);
  template <typename T>
  void BindOne(int place, const std::optional<T>& value) {
    value ? BindOne(place, *value) : BindNull(place);
  }

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  Outcome prepared_ = Outcome::kDone;
};

enum class Missing : uint8_t { kFails, kIsMade };  // the file, and its folder
enum class Journal : uint8_t {
  kLog,       // write-ahead: many small commits, readers beside the writer
  kRollback,  // for what is written rarely: opened and read with fewer calls
};

class Database {
 public:
  // The error's text says what SQLite said; `outcome` sorts it.
  static Result<Database> Open(const std::filesystem::path& file, Missing missing, Journal journal,
                               Outcome* outcome);

  Statement Prepare(std::string_view sql) const { return {handle_.get(), sql}; }
  // One or more statements without parameters.
  Outcome Execute(const std::string& sql) const;
  // The first column of the first row; nothing on failure or without a row.
  std::optional<int64_t> Number(std::string_view sql) const;
  int64_t last_id() const;
  int64_t changed() const;      // rows, by the last statement
  std::string message() const;  // what SQLite says of the last failure

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace vramcast::store
