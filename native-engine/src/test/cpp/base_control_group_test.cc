// Limits of control groups, read from trees that look like the kernel's.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/control_group.h"

namespace sb {
namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;
constexpr const char* kUnlimited1 = "9223372036854771712";  // what version 1 says without a limit

class ControlGroup : public ::testing::Test {
 protected:
  void SetUp() override {
    const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::filesystem::temp_directory_path() /
            ("sb-cgroup-" + std::to_string(getpid()) + test->name());
    std::filesystem::create_directories(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(const std::string& file, const std::string& text) {
    const std::filesystem::path path = root_ / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << '\n';
  }

  // A group of version 2 that has a limit, and uses some of it.
  void group2(const std::string& path, const std::string& limit, std::uint64_t used_mib) {
    write(path + "/memory.max", limit);
    write(path + "/memory.current", std::to_string(used_mib * kMib));
  }

  void group1(const std::string& path, const std::string& limit, std::uint64_t used_mib) {
    write(path + "/memory.limit_in_bytes", limit);
    write(path + "/memory.usage_in_bytes", std::to_string(used_mib * kMib));
  }

  [[nodiscard]] std::uint64_t available() const {
    return control_group_available((root_ / "membership").string(), (root_ / "mount").string());
  }

  static std::string mib(std::uint64_t count) { return std::to_string(count * kMib); }

  std::filesystem::path root_;
};

TEST_F(ControlGroup, NoneAtAllIsNoLimit) { EXPECT_EQ(available(), UINT64_MAX); }

TEST_F(ControlGroup, MaxIsNoLimit) {
  write("membership", "0::/service");
  group2("mount", "max", 900);
  group2("mount/service", "max", 500);

  EXPECT_EQ(available(), UINT64_MAX);
}

TEST_F(ControlGroup, TheRootOfAContainerIsItsOwnGroup) {
  write("membership", "0::/");
  group2("mount", mib(1000), 300);

  EXPECT_EQ(available(), 700 * kMib);
}

TEST_F(ControlGroup, TheLimitOfTheProcessesGroupCounts) {
  write("membership", "0::/system.slice/worker.service");
  group2("mount/system.slice", "max", 4000);
  group2("mount/system.slice/worker.service", mib(2000), 500);

  EXPECT_EQ(available(), 1500 * kMib);
}

TEST_F(ControlGroup, TheTightestOfNestedLimitsCounts) {
  write("membership", "0::/pods/pod/worker");
  group2("mount/pods", mib(8000), 7000);
  group2("mount/pods/pod", mib(4000), 3700);
  group2("mount/pods/pod/worker", mib(2000), 100);

  EXPECT_EQ(available(), 300 * kMib);
}

TEST_F(ControlGroup, FilePagesAreGivenUpButSharedMemoryIsNot) {
  write("membership", "0::/");
  group2("mount", mib(1000), 800);
  write("mount/memory.stat", "anon 1\nfile " + mib(500) + "\nshmem " + mib(200) +
                                 "\ninactive_file " + mib(250) + "\nactive_file " + mib(50));

  EXPECT_EQ(available(), 500 * kMib);
}

TEST_F(ControlGroup, AnOverdrawnGroupHasNothingLeft) {
  write("membership", "0::/");
  group2("mount", mib(100), 130);

  EXPECT_EQ(available(), 0U);
}

TEST_F(ControlGroup, Version1IsReadWithItsNestedLimitsAndPagesOfAllBelow) {
  write("membership",
        "12:cpu,cpuacct:/else\n5:memory:/docker/worker\n1:name=systemd:/docker/worker\n0::/docker");
  group1("mount/memory", kUnlimited1, 9000);
  group1("mount/memory/docker", mib(3000), 1000);
  group1("mount/memory/docker/worker", mib(2500), 1000);
  write("mount/memory/docker/worker/memory.stat",
        "active_file 1\ninactive_file 1\ntotal_active_file " + mib(100) + "\ntotal_inactive_file " +
            mib(200));

  EXPECT_EQ(available(), 1800 * kMib);
}

TEST_F(ControlGroup, AControllerOfAnotherNameHasNoSay) {
  write("membership", "3:hugetlb-memory:/worker\n4:pids:/worker");
  group1("mount/memory/worker", mib(10), 0);

  EXPECT_EQ(available(), UINT64_MAX);
}

TEST_F(ControlGroup, Version1WithoutALimitIsMoreThanAnyMachineHas) {
  write("membership", "5:memory:/");
  group1("mount/memory", kUnlimited1, 9000);

  EXPECT_GT(available(), std::uint64_t{1} << 62);
}

// A container without a namespace of its own sees its group at the root and the host's path.
TEST_F(ControlGroup, APathThatIsNotMountedLeavesTheRoot) {
  write("membership", "5:memory:/kubepods/pod/worker");
  group1("mount/memory", mib(600), 100);

  EXPECT_EQ(available(), 500 * kMib);
}

TEST_F(ControlGroup, APathOutsideOfTheMountIsNotFollowed) {
  write("membership", "0::/../beside");
  group2("beside", mib(10), 0);
  group2("mount", mib(600), 100);

  EXPECT_EQ(available(), 500 * kMib);
}

TEST_F(ControlGroup, NonsenseIsNoLimit) {
  write("membership", "\n:\n0:\n7:memory\nmemory\n0::");
  write("mount/memory.max", "lots");

  EXPECT_EQ(available(), UINT64_MAX);
}

}  // namespace
}  // namespace sb
