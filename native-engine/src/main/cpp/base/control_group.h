// What the memory control groups of a process still let it take.
#pragma once

#include <cstdint>
#include <string>

namespace sb {

// The least of what the process's group and those around it have left; UINT64_MAX without a limit.
// membership is the process's /proc/self/cgroup, mount where the groups are: of version 2, or of
// version 1 with the memory controller's below "memory".
[[nodiscard]] std::uint64_t control_group_available(const std::string& membership,
                                                    const std::string& mount);

}  // namespace sb
