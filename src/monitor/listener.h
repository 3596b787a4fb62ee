// Hands the newest metrics to whoever asks over HTTP, from a thread of its own, so that a slow or
// hostile reader costs the watch nothing. Debian's prometheus-cpp and cpp-httplib have no archive
// to link, and one page needs neither.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vramcast::monitor {

class Listener {
 public:
  // ":9400" listens everywhere, "127.0.0.1:9400", "[::1]:9400" or "localhost:9400" only there; port
  // 0 takes a free one. Usage error: not an address; kMachine: it cannot be listened on.
  static Result<std::unique_ptr<Listener>> Open(std::string_view address);
  ~Listener();  // closes all connections
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // What GET /metrics answers from now on. Before the first: 503.
  void Publish(std::string text);

  uint16_t port() const;
  std::string url() const;  // "http://HOST:PORT/metrics"

 private:
  class Impl;
  explicit Listener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vramcast::monitor
