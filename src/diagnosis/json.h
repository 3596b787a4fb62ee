// The JSON of a diagnosis: schema vramcast.diagnose.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "diagnosis/diagnosis.h"

namespace vramcast::diagnosis {

nlohmann::json ToJson(const Diagnosis& diagnosis);

}  // namespace vramcast::diagnosis
