// `run` waits for a card that others hold: their end, not a smaller batch, is what helps.
#pragma once

#include <chrono>

#include "base/bytes.h"
#include "base/result.h"
#include "cli/verb.h"

namespace vramcast::cli {

// Until `needed` is free on the fullest visible GPU. Machine error, with who holds what, if that
// does not happen within `patience` or the GPUs cannot be looked at.
Status WaitForRoom(Bytes needed, std::chrono::seconds patience, Output& output);

}  // namespace vramcast::cli
