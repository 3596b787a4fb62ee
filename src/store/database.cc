#include "store/database.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <array>
#include <system_error>

namespace vramcast::store {
namespace {

namespace fs = std::filesystem;

// How long a commit waits for another process: a watch must not miss its beat.
constexpr int kPatienceMs = 250;

Outcome Sort(int code) {
  switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
      return Outcome::kDone;
    case SQLITE_ROW:
      return Outcome::kRow;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Outcome::kBusy;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return Outcome::kFull;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Outcome::kCorrupt;
    default:
      return Outcome::kFailed;
  }
}

// A write-ahead log needs memory that is shared between the writers, which two hosts on one network
// file system do not have. The numbers are the kernel's (statfs(2), linux/magic.h).
bool IsOnNetwork(const fs::path& folder) {
  struct statfs facts {};
  if (statfs(folder.c_str(), &facts) != 0) return false;
  constexpr std::array<uint32_t, 9> kNetworks = {
      0x6969,      // NFS
      0xff534d42,  // CIFS
      0xfe534d42,  // SMB2
      0x517b,      // SMB
      0x0bd00bd0,  // Lustre
      0x47504653,  // GPFS
      0x19830326,  // BeeGFS
      0x00c36400,  // Ceph
      0x65735546,  // FUSE: sshfs, GlusterFS and others
  };
  const auto type = static_cast<uint32_t>(facts.f_type);
  return std::find(kNetworks.begin(), kNetworks.end(), type) != kNetworks.end();
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement::Statement(sqlite3* database, std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  prepared_ = Sort(
      sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement, nullptr));
  statement_.reset(statement);
}

Outcome Statement::Step() {
  if (statement_ == nullptr) return prepared_;
  return Sort(sqlite3_step(statement_.get()));
}

Outcome Statement::Run() {
  const Outcome outcome = Step();
  Reset();
  return outcome == Outcome::kRow ? Outcome::kDone : outcome;
}

void Statement::Reset() { sqlite3_reset(statement_.get()); }

int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_.get(), column); }

double Statement::Real(int column) const { return sqlite3_column_double(statement_.get(), column); }

std::string Statement::Text(int column) const {
  const unsigned char* text = sqlite3_column_text(statement_.get(), column);
  if (text == nullptr) return {};
  return {reinterpret_cast<const char*>(text),
          static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::optional<int64_t> Statement::MaybeInt(int column) const {
  return IsNull(column) ? std::nullopt : std::optional(Int(column));
}

std::optional<double> Statement::MaybeReal(int column) const {
  return IsNull(column) ? std::nullopt : std::optional(Real(column));
}

std::optional<Bytes> Statement::MaybeBytes(int column) const {
  return IsNull(column) ? std::nullopt : std::optional(Bytes(Int(column)));
}

void Statement::BindOne(int place, int64_t value) {
  sqlite3_bind_int64(statement_.get(), place, value);
}

void Statement::BindOne(int place, double value) {
  sqlite3_bind_double(statement_.get(), place, value);
}

void Statement::BindOne(int place, const std::string& value) {
  sqlite3_bind_text64(statement_.get(), place, value.data(), value.size(), SQLITE_TRANSIENT,
                      SQLITE_UTF8);
}

void Statement::BindNull(int place) { sqlite3_bind_null(statement_.get(), place); }

void Database::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

Result<Database> Database::Open(const fs::path& file, Missing missing, Journal journal,
                                Outcome* outcome) {
  *outcome = Outcome::kDone;
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READWRITE;
  if (missing == Missing::kIsMade) {
    flags |= SQLITE_OPEN_CREATE;
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    if (error) {
      *outcome = Outcome::kFull;
      return MachineError(fmt::format("{}: {}", file.parent_path().string(), error.message()));
    }
  }
  sqlite3* handle = nullptr;
  *outcome = Sort(sqlite3_open_v2(file.c_str(), &handle, flags, nullptr));
  Database database;
  database.handle_.reset(handle);
  if (*outcome == Outcome::kDone) {
    // Commands may carry secrets.
    if (missing == Missing::kIsMade) chmod(file.c_str(), S_IRUSR | S_IWUSR);
    sqlite3_busy_timeout(handle, kPatienceMs);
    // A commit survives the death of any process at once, and of the machine once the log has been
    // copied back. The log is kept small, and little memory is used.
    *outcome = database.Execute(
        "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 4194304;"
        "PRAGMA cache_size = -512; PRAGMA foreign_keys = ON;");
  }
  if (*outcome == Outcome::kDone && journal == Journal::kLog) {
    const bool network = IsOnNetwork(file.parent_path());
    *outcome =
        database.Execute(network ? "PRAGMA journal_mode = TRUNCATE" : "PRAGMA journal_mode = WAL");
    // Only a change of the mode needs the lock that another process holds.
    if (*outcome == Outcome::kBusy) *outcome = Outcome::kDone;
  }
  if (*outcome == Outcome::kDone) return database;
  return MachineError(fmt::format("{}: {}", file.string(), database.message()));
}

Outcome Database::Execute(const std::string& sql) const {
  return Sort(sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr));
}

std::optional<int64_t> Database::Number(std::string_view sql) const {
  Statement statement = Prepare(sql);
  if (statement.Step() != Outcome::kRow) return {};
  return statement.Int(0);
}

int64_t Database::last_id() const { return sqlite3_last_insert_rowid(handle_.get()); }

int64_t Database::changed() const { return sqlite3_changes64(handle_.get()); }

std::string Database::message() const {
  return handle_ == nullptr ? "out of memory" : sqlite3_errmsg(handle_.get());
}

}  // namespace vramcast::store
