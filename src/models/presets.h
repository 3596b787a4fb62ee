// Public models by name, for those who have no config.json at hand.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/config.h"

namespace vramcast::models {

// "gpt2", "llama-3-8b", … Usage error that names the nearest and the known ones otherwise.
Result<ModelConfig> FindPreset(std::string_view name);
std::vector<std::string> PresetNames();

}  // namespace vramcast::models
