#include <cmath>
#include <cstring>
#include <vector>

#include "ops_testing.h"

namespace sb::ops::testing {
namespace {

class PackTest : public ::testing::TestWithParam<WeightType> {};

void expect_row(const FileMatrix& file, const Matrix& slice, std::int64_t slice_row,
                std::int64_t row, std::int64_t col_begin) {
  std::vector<float> out(static_cast<std::size_t>(slice.cols));
  unpack_row(slice, slice_row, out.data());
  for (std::int64_t c = 0; c < slice.cols; ++c) {
    const double exact = file.values[static_cast<std::size_t>(row * file.cols + col_begin + c)];
    ASSERT_NEAR(out[static_cast<std::size_t>(c)], exact, 1e-6 * (1 + std::abs(exact)))
        << "row " << row << " column " << c;
  }
}

TEST_P(PackTest, UnpacksToWhatTheFileHolds) {
  for (const std::int64_t rows : {1, 16, 37}) {
    const FileMatrix file = random_matrix(GetParam(), rows, 768, 7);
    const Packed packed = pack_all(file);
    for (std::int64_t row = 0; row < rows; ++row) expect_row(file, packed.matrix, row, row, 0);
  }
}

TEST_P(PackTest, SlicesMayBeginInsideA256ColumnBlock) {
  const FileMatrix file = random_matrix(GetParam(), 40, 1024, 8);
  for (const std::int64_t begin : {32, 96, 224, 256, 480}) {
    for (const std::int64_t end : {512, 544, 992, 1024}) {
      const Packed packed = pack_slice(file, 5, 29, begin, end);
      expect_row(file, packed.matrix, 0, 5, begin);
      expect_row(file, packed.matrix, 23, 28, begin);
    }
  }
}

TEST_P(PackTest, GroupsPackedApartEqualGroupsPackedTogether) {
  const FileMatrix file = random_matrix(GetParam(), 70, 512, 9);
  const Packed together = pack_all(file);
  AlignedBytes apart = aligned_bytes(together.matrix.bytes());
  for (std::int64_t g = together.matrix.groups() - 1; g >= 0; --g) {
    pack(file.type, file.bytes.data(), file.cols, 0, file.rows, 0, file.cols, g, g + 1,
         apart.get());
  }
  EXPECT_EQ(0, std::memcmp(apart.get(), together.bytes.get(), together.matrix.bytes()));
}

TEST_P(PackTest, GroupsAreWholeCacheLines) {
  for (std::int64_t cols = 32; cols <= 1024; cols += 32) {
    for (std::int64_t first = 0; first < 256; first += 32) {
      EXPECT_EQ(0u, packed_group_bytes(GetParam(), cols, first) % 64);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, PackTest, ::testing::ValuesIn(kAllTypes),
                         [](const auto& p) { return type_name(p.param); });

TEST(Float16Test, EveryHalfSurvivesTheRoundTrip) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = float_from_half(half);
    const auto expected = static_cast<std::uint16_t>(std::isnan(value) ? half | 0x0200u : half);
    ASSERT_EQ(expected, half_from_float(value));
  }
}

TEST(Float16Test, RoundsToNearestEven) {
  EXPECT_EQ(0x3c00, half_from_float(1.0f + 0x1p-11f));
  EXPECT_EQ(0x3c02, half_from_float(1.0f + 0x3p-11f));
  EXPECT_EQ(0x7bff, half_from_float(65519.0f));
  EXPECT_EQ(0x7c00, half_from_float(65520.0f));
  EXPECT_EQ(0x0000, half_from_float(0x1p-25f));
  EXPECT_EQ(0x0001, half_from_float(0x1.8p-25f));
  EXPECT_EQ(0x0400, half_from_float(0x1.ffep-15f + 0x1p-26f));
}

}  // namespace
}  // namespace sb::ops::testing
