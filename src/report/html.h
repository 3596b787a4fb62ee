// A Document as one HTML page that needs nothing from the network and no script.
#pragma once

#include <string>
#include <string_view>

#include "report/document.h"

namespace vramcast {

std::string RenderHtml(const Document& document, std::string_view title);

// `text` with what HTML gives a meaning to written so that it stands for itself.
std::string EscapeHtml(std::string_view text);

}  // namespace vramcast
