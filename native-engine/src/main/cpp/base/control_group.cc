#include "base/control_group.h"

#include <algorithm>
#include <fstream>
#include <limits>

namespace sb {
namespace {

constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

// How a version of control groups names things. Of memory.stat: the file pages of a group and those
// below it, without shared memory, which counts as file too but cannot be given up.
struct Names {
  const char* limit;
  const char* used;
  const char* active_file;
  const char* inactive_file;
};

constexpr Names kVersion1 = {"/memory.limit_in_bytes", "/memory.usage_in_bytes",
                             "total_active_file", "total_inactive_file"};
constexpr Names kVersion2 = {"/memory.max", "/memory.current", "active_file", "inactive_file"};

// The number in a one-line file, or the given one when there is none ("max").
std::uint64_t read_number(const std::string& path, std::uint64_t otherwise) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  return file >> number ? number : otherwise;
}

// File pages count as used but are given up under pressure.
std::uint64_t reclaimable(const std::string& group, const Names& names) {
  std::ifstream stat(group + "/memory.stat");
  std::string name;
  std::uint64_t value = 0;
  std::uint64_t total = 0;
  while (stat >> name >> value) {
    if (name == names.active_file || name == names.inactive_file) total += value;
  }
  return total;
}

std::uint64_t left_in(const std::string& group, const Names& names) {
  const std::uint64_t limit = read_number(group + names.limit, kUnlimited);
  if (limit == kUnlimited) return kUnlimited;
  const std::uint64_t used = read_number(group + names.used, 0);
  return limit - std::min(limit, used - std::min(used, reclaimable(group, names)));
}

// A limit holds for all groups below it. A container often sees only its own group, mounted as the
// root, and yet the path that the host has for it: groups that are not there have no limit.
std::uint64_t left_up(const std::string& mount, std::string path, const Names& names) {
  std::uint64_t least = left_in(mount, names);
  for (; !path.empty(); path.erase(path.rfind('/'))) {
    least = std::min(least, left_in(mount + path, names));
  }
  return least;
}

// The path of a line "hierarchy:controllers:/path"; empty for the root, or for a group outside of
// what is mounted here.
std::string path_in(const std::string& line) {
  const std::size_t at = line.find('/');
  if (at == std::string::npos || at + 1 == line.size()) return {};
  return line.find("/..", at) == std::string::npos ? line.substr(at) : std::string();
}

bool controls_memory(const std::string& line) {
  const std::size_t begin = line.find(':');
  const std::size_t end = line.find(':', begin + 1);
  if (begin == std::string::npos || end == std::string::npos) return false;
  const std::string controllers = ',' + line.substr(begin + 1, end - begin - 1) + ',';
  return controllers.find(",memory,") != std::string::npos;
}

}  // namespace

std::uint64_t control_group_available(const std::string& membership, const std::string& mount) {
  const std::string mount1 = mount + "/memory";
  std::uint64_t least = std::min(left_up(mount, {}, kVersion2), left_up(mount1, {}, kVersion1));
  std::ifstream groups(membership);
  for (std::string line; std::getline(groups, line);) {
    if (line.starts_with("0::")) {
      least = std::min(least, left_up(mount, path_in(line), kVersion2));
    } else if (controls_memory(line)) {
      least = std::min(least, left_up(mount1, path_in(line), kVersion1));
    }
  }
  return least;
}

}  // namespace sb
