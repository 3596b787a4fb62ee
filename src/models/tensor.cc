#include "models/tensor.h"

namespace vramcast::models {

Pen::Pen() {
  for (size_t i = 0; i < kRoleCount; ++i) {
    const RoleInfo& info = InfoOf(static_cast<Role>(i));
    labels_[i] = builder_.Intern(info.category, info.name);
  }
}

}  // namespace vramcast::models
