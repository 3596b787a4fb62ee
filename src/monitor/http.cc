#include "monitor/http.h"

#include <fmt/format.h>

#include "base/text.h"
#include "monitor/exposition.h"

namespace vramcast::monitor {
namespace {

constexpr size_t kMostRequest = 16 << 10;  // bytes

std::string Reply(std::string_view status, std::string_view type, std::string_view body,
                  bool head_only, std::string_view more = "") {
  return fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n{}",
      status, type, body.size(), more, head_only ? std::string_view() : body);
}

}  // namespace

bool IsWholeRequest(std::string_view request) {
  return request.size() > kMostRequest || Contains(request, "\r\n\r\n") ||
         Contains(request, "\n\n");
}

std::string Answer(std::string_view request, const std::optional<std::string>& metrics) {
  constexpr std::string_view kText = "text/plain; charset=utf-8";
  if (request.size() > kMostRequest) {
    return Reply("431 Request Header Fields Too Large", kText, "too long\n", false);
  }
  const std::vector<std::string_view> words =
      Split(Trim(request.substr(0, request.find('\n'))), ' ');
  if (words.size() != 3 || !words[2].starts_with("HTTP/1.")) {
    return Reply("400 Bad Request", kText, "this is no HTTP/1 request\n", false);
  }
  const bool head = words[0] == "HEAD";
  if (!head && words[0] != "GET") {
    return Reply("405 Method Not Allowed", kText, "GET and HEAD only\n", false,
                 "Allow: GET, HEAD\r\n");
  }
  const std::string_view path = words[1].substr(0, words[1].find('?'));
  if (path == "/") {
    return Reply("200 OK", "text/html; charset=utf-8",
                 "<!doctype html><title>vramcast</title><a href=\"/metrics\">metrics</a>\n", head);
  }
  if (path != "/metrics") return Reply("404 Not Found", kText, "metrics are at /metrics\n", head);
  if (!metrics) return Reply("503 Service Unavailable", kText, "no sample yet\n", head);
  return Reply("200 OK", kExpositionType, *metrics, head);
}

}  // namespace vramcast::monitor
