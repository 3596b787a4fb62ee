#include "monitor/listener.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "monitor/http.h"

namespace vramcast::monitor {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

int Connect(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

std::string Ask(uint16_t port, const std::string& request) {
  const int fd = Connect(port);
  for (const char c : request) EXPECT_EQ(send(fd, &c, 1, MSG_NOSIGNAL), 1);  // in pieces
  std::string answer;
  std::array<char, 4096> buffer;
  ssize_t got;
  while ((got = read(fd, buffer.data(), buffer.size())) > 0) {
    answer.append(buffer.data(), static_cast<size_t>(got));
  }
  close(fd);
  return answer;
}

TEST(Listener, ServesTheNewestMetrics) {
  auto listener = Listener::Open("127.0.0.1:0");
  ASSERT_TRUE(listener) << listener.error().message;
  const uint16_t port = (*listener)->port();
  EXPECT_THAT(Ask(port, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 503"));
  (*listener)->Publish("old 1\n");
  (*listener)->Publish(std::string(3 << 20, '#') + "\nnew 1\n");
  const std::string answer = Ask(port, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(answer.ends_with("\nnew 1\n"));
  EXPECT_THAT(answer.substr(0, 200), HasSubstr("text/plain; version=0.0.4"));
}

TEST(Listener, WhoSaysNothingKeepsNobodyWaiting) {
  auto listener = Listener::Open(":0");
  ASSERT_TRUE(listener) << listener.error().message;
  (*listener)->Publish("x 1\n");
  std::vector<int> silent;
  for (int i = 0; i < 20; ++i) silent.push_back(Connect((*listener)->port()));
  EXPECT_THAT(Ask((*listener)->port(), "GET /metrics HTTP/1.0\n\n"), HasSubstr("x 1\n"));
  for (const int fd : silent) close(fd);
}

TEST(Listener, SaysWhatIsNoAddressAndWhatIsTaken) {
  for (const char* text : {"9400", "host", ":x", ":65536", ":-1", ""}) {
    const auto listener = Listener::Open(text);
    ASSERT_FALSE(listener) << text;
    EXPECT_EQ(listener.error().kind, ErrorKind::kUsage);
  }
  auto first = Listener::Open("127.0.0.1:0");
  ASSERT_TRUE(first);
  const auto second = Listener::Open("127.0.0.1:" + std::to_string((*first)->port()));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kMachine);
  EXPECT_THAT(second.error().message, HasSubstr("in use"));
}

TEST(Http, AnswersWhatItIsNotAskedPolitely) {
  const auto answer = [](const std::string& request) { return Answer(request, "m 1\n"); };
  EXPECT_THAT(answer("GET /metrics?x=1 HTTP/1.1\r\n\r\n"), HasSubstr("m 1\n"));
  EXPECT_THAT(answer("GET / HTTP/1.1\r\n\r\n"), HasSubstr("/metrics"));
  EXPECT_THAT(answer("GET /etc/passwd HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(answer("POST /metrics HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(answer("hello\n\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(answer(std::string(20000, 'x')), StartsWith("HTTP/1.1 431"));
  const std::string head = answer("HEAD /metrics HTTP/1.1\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: 4"));
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  EXPECT_FALSE(IsWholeRequest("GET / HTTP/1.1\r\n"));
}

}  // namespace
}  // namespace vramcast::monitor
