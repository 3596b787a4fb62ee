#include "monitor/listener.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/text.h"
#include "monitor/http.h"

namespace vramcast::monitor {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMostConnections = 32;  // more wait in the kernel's queue
constexpr auto kPatience = std::chrono::seconds(5);

class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

struct Connection {
  Socket socket;
  Clock::time_point until;  // it is dropped then
  std::string request, answer;
  size_t sent = 0;
  bool done = false;
};

struct Address {
  std::string host, port;
};

Result<Address> Parse(std::string_view text) {
  const size_t colon = text.rfind(':');
  const auto port =
      colon == std::string_view::npos ? std::nullopt : ParseInt(text.substr(colon + 1));
  if (!port || *port < 0 || *port > 65535) {
    return UsageError(fmt::format(
        "'{}' is no address to listen on: :9400 is every interface, 127.0.0.1:9400 this machine "
        "only",
        text));
  }
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return Address{std::string(host), std::to_string(*port)};
}

// Both IP versions where the host is not named and the machine has both.
Result<Socket> Listen(const Address& address) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const char* host = address.host.empty() ? nullptr : address.host.c_str();
  if (const int code = getaddrinfo(host, address.port.c_str(), &hints, &found); code != 0) {
    return MachineError(fmt::format("{}: {}", address.host, gai_strerror(code)));
  }
  std::string why = "no address";
  Socket socket;
  for (const int family : {AF_INET6, AF_INET}) {
    for (const addrinfo* at = found; at != nullptr && socket.fd() < 0; at = at->ai_next) {
      if (at->ai_family != family) continue;
      Socket made(::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      const int on = 1, off = 0;
      setsockopt(made.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      if (family == AF_INET6) {
        setsockopt(made.fd(), IPPROTO_IPV6, IPV6_V6ONLY, host == nullptr ? &off : &on, sizeof on);
      }
      if (bind(made.fd(), at->ai_addr, at->ai_addrlen) == 0 && listen(made.fd(), 64) == 0) {
        socket = std::move(made);
      } else {
        why = std::strerror(errno);
      }
    }
  }
  freeaddrinfo(found);
  if (socket.fd() < 0) {
    return MachineError(fmt::format("cannot listen on {}:{}: {}", address.host, address.port, why));
  }
  return socket;
}

uint16_t PortOf(int fd) {
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  std::array<char, 16> port{};
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) != 0 ||
      getnameinfo(reinterpret_cast<sockaddr*>(&bound), length, nullptr, 0, port.data(), port.size(),
                  NI_NUMERICSERV) != 0) {
    return 0;
  }
  return static_cast<uint16_t>(ParseInt(port.data()).value_or(0));
}

}  // namespace

class Listener::Impl {
 public:
  Impl(Socket socket, std::string host) : socket_(std::move(socket)), host_(std::move(host)) {}

  // False: this machine has no more threads or descriptors.
  bool Start() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return false;
    stop_read_ = Socket(ends[0]);
    stop_write_ = Socket(ends[1]);
    // Signals are for the thread that watches.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      thread_ = std::thread([this] { Serve(); });
    } catch (const std::system_error&) {
      // said by the caller
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread_.joinable();
  }

  ~Impl() {
    if (!thread_.joinable()) return;
    const char byte = 0;
    (void)!write(stop_write_.fd(), &byte, 1);
    thread_.join();
  }

  void Publish(std::string text) {
    const std::lock_guard lock(mutex_);
    metrics_ = std::move(text);
  }

  uint16_t port() const { return PortOf(socket_.fd()); }
  const std::string& host() const { return host_; }

 private:
  void Serve() {
    std::vector<pollfd> polled;
    for (;;) {
      polled.assign({{stop_read_.fd(), POLLIN, 0},
                     {connections_.size() < kMostConnections ? socket_.fd() : -1, POLLIN, 0}});
      for (const Connection& connection : connections_) {
        const bool reads = connection.answer.empty();
        polled.push_back({connection.socket.fd(), static_cast<short>(reads ? POLLIN : POLLOUT), 0});
      }
      poll(polled.data(), polled.size(), connections_.empty() ? -1 : 1000);
      if (polled[0].revents != 0) return;
      const Clock::time_point now = Clock::now();
      for (size_t i = 0; i < connections_.size(); ++i) {
        if (polled[i + 2].revents != 0) Go(&connections_[i]);
        if (now > connections_[i].until) connections_[i].done = true;
      }
      std::erase_if(connections_, [](const Connection& connection) { return connection.done; });
      if (polled[1].revents == 0) continue;
      Socket accepted(accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (accepted.fd() >= 0) {
        connections_.push_back({.socket = std::move(accepted), .until = now + kPatience});
      } else if (errno == EMFILE || errno == ENFILE) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));  // else this loop would spin
      }
    }
  }

  void Go(Connection* connection) {
    const int fd = connection->socket.fd();
    if (connection->answer.empty()) {
      std::array<char, 4096> buffer;
      const ssize_t got = read(fd, buffer.data(), buffer.size());
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (got <= 0) {
        connection->done = true;
        return;
      }
      connection->request.append(buffer.data(), static_cast<size_t>(got));
      if (!IsWholeRequest(connection->request)) return;
      const std::lock_guard lock(mutex_);
      connection->answer = Answer(connection->request, metrics_);
    }
    const ssize_t put = send(fd, connection->answer.data() + connection->sent,
                             connection->answer.size() - connection->sent, MSG_NOSIGNAL);
    if (put < 0 && errno != EAGAIN && errno != EINTR) connection->done = true;
    if (put > 0) connection->sent += static_cast<size_t>(put);
    if (connection->sent == connection->answer.size()) {
      shutdown(fd, SHUT_WR);
      connection->done = true;
    }
  }

  Socket socket_;
  std::string host_;
  Socket stop_read_, stop_write_;
  std::thread thread_;
  std::vector<Connection> connections_;  // of the thread
  std::mutex mutex_;
  std::optional<std::string> metrics_;
};

Listener::Listener(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Listener::~Listener() = default;

Result<std::unique_ptr<Listener>> Listener::Open(std::string_view address) {
  auto parsed = Parse(address);
  if (!parsed) return tl::make_unexpected(parsed.error());
  auto socket = Listen(*parsed);
  if (!socket) return tl::make_unexpected(socket.error());
  auto impl = std::make_unique<Impl>(*std::move(socket), parsed->host);
  if (!impl->Start()) return MachineError("no thread can be had to listen with");
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

void Listener::Publish(std::string text) { impl_->Publish(std::move(text)); }
uint16_t Listener::port() const { return impl_->port(); }

std::string Listener::url() const {
  std::string host = impl_->host().empty() ? "localhost" : impl_->host();
  if (Contains(host, ":")) host = "[" + host + "]";
  return fmt::format("http://{}:{}/metrics", host, port());
}

}  // namespace vramcast::monitor
