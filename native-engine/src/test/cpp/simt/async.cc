#include "simt/async.h"

#include <bit>
#include <cstring>
#include <deque>
#include <limits>
#include <map>
#include <vector>

namespace simt {
namespace {

constexpr std::uint32_t kWindow = 0x510;  // where shared memory begins
constexpr int kWarpgroup = 128;

struct Arrivals {
  int count;
  int missing;  // of the phase
  std::int64_t bytes = 0;
  std::uint32_t phase = 0;  // parity of the one that has not ended
  int by;
  bool shown = false;  // to copies
};

struct Product {
  float* c;
  int n;
  std::uint64_t a;
  std::uint64_t b;
  int group;
};

// Sums that products in flight add to, by where they will be given.
struct Sums {
  std::vector<float> values;
  int in_flight = 0;
};

struct Multiplier {
  std::deque<Product> products;
  std::map<float*, Sums> sums;
  int group = 0;
  bool fenced = false;
  std::size_t issued = 0;
};

// What the threads of a warpgroup multiply, which is the same for all.
struct Issued {
  int n;
  std::uint64_t a;
  std::uint64_t b;
};

}  // namespace

struct Async {
  std::map<std::uint32_t, Arrivals> arrivals;
  std::vector<std::uint8_t> view;  // shared memory as copies and products see it
  std::vector<Multiplier> threads;
  std::vector<std::vector<Issued>> warpgroups;
};

std::shared_ptr<Async> new_async() { return std::make_shared<Async>(); }

namespace {

bool in_shared(const void* at, std::size_t bytes) {
  const auto* p = static_cast<const std::uint8_t*>(at);
  return p >= shared() && p + bytes <= shared() + shared_bytes();
}

// Bits 4 to 6 change with bits 7 to 9, 4 and 5 with 7 and 8, or 4 with 7.
std::uint32_t swizzled(std::uint32_t address, int swizzle_bytes) {
  const auto pieces = static_cast<std::uint32_t>(swizzle_bytes / 16);
  return address ^ (address >> 7 & (pieces - 1)) << 4;
}

// ---- mbarriers ----

Arrivals& arrivals_at(const void* at, Site site) {
  const auto found = async().arrivals.find(shared_address(at));
  if (found == async().arrivals.end()) {
    fail("uses an mbarrier that was not initialised at " + place(site));
  }
  return found->second;
}

void end_phase(Arrivals& arrivals) {
  if (arrivals.missing > 0 || arrivals.bytes != 0) return;
  arrivals.phase ^= 1;
  arrivals.missing = arrivals.count;
  wake();
}

void arrive(Arrivals& arrivals, Site site) {
  if (arrivals.missing == 0) fail("arrives where all have arrived at " + place(site));
  --arrivals.missing;
  end_phase(arrivals);
}

// ---- tiles ----

std::int64_t tile_rows(const TensorMap& map) { return std::int64_t{map.box[1]} * map.box[2]; }
std::size_t tile_bytes(const TensorMap& map) {
  return static_cast<std::size_t>(tile_rows(map) * map.box[0]) * 2;
}

std::uint16_t number_at(const TensorMap& map, const std::int64_t (&at)[3]) {
  std::int64_t offset = 0;
  for (int i = 0; i < map.dims; ++i) {
    if (at[i] < 0 || at[i] >= map.size[i]) return 0;
    offset += at[i] * map.stride_bytes[i];
  }
  std::uint16_t number;
  std::memcpy(&number, map.data + offset, 2);
  return number;
}

void land(std::uint8_t* to, const TensorMap& map, const int (&at)[3]) {
  const std::uint32_t begin = shared_address(to);
  for (std::int64_t row = 0; row < tile_rows(map); ++row) {
    for (int i = 0; i < map.box[0]; ++i) {
      const std::uint16_t number = number_at(
          map, {std::int64_t{at[0]} + i, at[1] + row % map.box[1], at[2] + row / map.box[1]});
      const auto plain = begin + static_cast<std::uint32_t>((row * map.box[0] + i) * 2);
      const std::uint32_t offset = swizzled(plain, map.swizzle_bytes) - kWindow;
      std::memcpy(shared() + offset, &number, 2);
      std::memcpy(async().view.data() + offset, &number, 2);
    }
  }
}

// ---- products ----

struct Descriptor {
  std::uint32_t start;
  std::uint32_t leading;
  std::uint32_t strided;
  int swizzle_bytes;
};

Descriptor read(std::uint64_t bits) {
  const auto field = [&](int at) { return static_cast<std::uint32_t>(bits >> at & 0x3fff) << 4; };
  constexpr int kSwizzle[4] = {16, 128, 64, 32};  // 16: none
  constexpr std::uint64_t kUnused = 0x3ffe'c000'c000'c000u;
  const Descriptor d{field(0), field(16), field(32), kSwizzle[bits >> 62]};
  if ((bits & kUnused) != 0) fail("has a descriptor with bits that mean nothing here");
  if ((d.start >> 7 & static_cast<std::uint32_t>(d.swizzle_bytes / 16 - 1)) != 0) {
    fail("has a descriptor of a tile that begins in the middle of its swizzle");
  }
  return d;
}

// Pieces of 8 numbers: across, "swizzle_bytes" side by side.
std::uint32_t by_columns(const Descriptor& d, int row, int column) {
  const int wide = d.swizzle_bytes / 16;
  const int piece = row / 8;
  const auto at = [](int n, std::uint32_t bytes) { return static_cast<std::uint32_t>(n) * bytes; };
  if (wide == 1) {
    return at(piece, d.strided) + at(column % 8, 16) + at(column / 8, d.leading) + at(row % 8, 2);
  }
  return at(piece % wide, 16) + at(piece / wide, d.leading) +
         at(column % 8, static_cast<std::uint32_t>(d.swizzle_bytes)) + at(column / 8, d.strided) +
         at(row % 8, 2);
}

std::uint32_t by_rows(const Descriptor& d, int row, int column) {
  const auto at = [](int n, std::uint32_t bytes) { return static_cast<std::uint32_t>(n) * bytes; };
  if (d.swizzle_bytes == 16) {
    return at(row % 8, 16) + at(row / 8, d.strided) + at(column / 8, d.leading) + at(column % 8, 2);
  }
  return at(row % 8, static_cast<std::uint32_t>(d.swizzle_bytes)) + at(row / 8, d.strided) +
         at(column, 2);
}

double brain_at(const Descriptor& d, std::uint32_t offset) {
  const std::uint32_t address = swizzled(d.start + offset, d.swizzle_bytes);
  if (address < kWindow || address - kWindow + 2 > async().view.size()) {
    fail("multiplies a tile that reaches outside its shared memory");
  }
  std::uint16_t number;
  std::memcpy(&number, async().view.data() + (address - kWindow), 2);
  return static_cast<double>(std::bit_cast<float>(std::uint32_t{number} << 16));
}

// The quarter of 16 rows that a warp has. Lane 4 g + t has of rows g and g + 8 the columns 2 t and
// 2 t + 1 of every eight.
void multiply(const Product& product, int quarter, Multiplier* const (&lanes)[kWarp]) {
  const Descriptor a = read(product.a);
  const Descriptor b = read(product.b);
  double columns[16][16];  // of the quarter's rows
  for (int i = 0; i < 256; ++i) {
    columns[i / 16][i % 16] = brain_at(a, by_columns(a, 16 * quarter + i % 16, i / 16));
  }
  for (int column = 0; column < product.n; ++column) {
    double sums[16] = {};
    for (int k = 0; k < 16; ++k) {
      const double number = brain_at(b, by_rows(b, column, k));
      for (int row = 0; row < 16; ++row) sums[row] += columns[k][row] * number;
    }
    for (int row = 0; row < 16; ++row) {
      Multiplier& lane = *lanes[row % 8 * 4 + column % 8 / 2];
      float* c = lane.products.front().c;
      const int index = column / 8 * 4 + row / 8 * 2 + column % 2;
      float& value = lane.sums.at(c).values[static_cast<std::size_t>(index)];
      value = static_cast<float>(static_cast<double>(value) + sums[row]);
    }
  }
}

void give_sums(Multiplier& lane) {
  float* c = lane.products.front().c;
  lane.products.pop_front();
  Sums& sums = lane.sums.at(c);
  if (--sums.in_flight > 0) return;
  std::copy(sums.values.begin(), sums.values.end(), c);
  lane.sums.erase(c);
}

struct Waiting {
  Multiplier* thread;
  int thread_id;
  int but_last;
};

bool ended(const Multiplier& thread, int but_last) {
  return !thread.products.empty() && thread.products.front().group < thread.group - but_last;
}

void give_products(Lanes lanes) {
  Multiplier* threads[kWarp];
  const auto* first = static_cast<const Waiting*>(lanes[0]);
  for (int i = 0; i < kWarp; ++i) threads[i] = static_cast<const Waiting*>(lanes[i])->thread;
  const int quarter = first->thread_id / kWarp % 4;
  while (ended(*threads[0], first->but_last)) {
    for (Multiplier* thread : threads) {
      if (!ended(*thread, first->but_last)) fail("waits for products that others did not ask for");
    }
    multiply(threads[0]->products.front(), quarter, threads);
    for (Multiplier* thread : threads) give_sums(*thread);
  }
  for (Multiplier* thread : threads) thread->fenced = false;
}

}  // namespace

std::uint32_t shared_address(const void* at) {
  return kWindow + static_cast<std::uint32_t>(static_cast<const std::uint8_t*>(at) - shared());
}

void check_map(const TensorMap& map) {
  const auto refuse = [](const std::string& what) { throw Failure("simt: a tensor map: " + what); };
  if (map.dims < 2 || map.dims > 3) refuse("neither two nor three dimensions");
  if (reinterpret_cast<std::uintptr_t>(map.data) % 16 != 0) refuse("data that is not aligned");
  if (map.swizzle_bytes != 32 && map.swizzle_bytes != 64 && map.swizzle_bytes != 128) {
    refuse("a swizzle of neither 32, 64 nor 128 bytes");
  }
  for (int i = 0; i < map.dims; ++i) {
    if (map.size[i] < 1) refuse("no size");
    if (map.box[i] < 1 || map.box[i] > 256) refuse("a box of less than 1 or more than 256");
    if (i > 0 && map.stride_bytes[i] % 16 != 0) refuse("a stride that is no multiple of 16");
  }
  if (map.box[0] % 8 != 0 || map.box[0] * 2 > map.swizzle_bytes) {
    refuse("a box as wide as no swizzle allows");
  }
}

void load_tile(void* to, const TensorMap& map, const int (&at)[3], const void* arrival, Site site) {
  if (!in_shared(to, tile_bytes(map)))
    fail("copies to outside its shared memory at " + place(site));
  const auto pattern = static_cast<std::uint32_t>(map.swizzle_bytes * 8);
  if (shared_address(to) % std::max(pattern, 128u) != 0) {
    fail("copies a tile to where its swizzle does not begin at " + place(site));
  }
  if (!arrivals_at(arrival, site).shown) {
    fail("copies a tile for an mbarrier that copies were not shown at " + place(site));
  }
  auto* memory = static_cast<std::uint8_t*>(to);
  const std::size_t bytes = tile_bytes(map);
  std::memset(memory, 0xff, bytes);
  std::memset(async().view.data() + (memory - shared()), 0xff, bytes);
  const std::uint32_t counts = shared_address(arrival);
  beside([memory, map, x = at[0], y = at[1], z = at[2], counts, bytes] {
    land(memory, map, {x, y, z});
    Arrivals& arrivals = async().arrivals.at(counts);
    arrivals.bytes -= static_cast<std::int64_t>(bytes);
    end_phase(arrivals);
  });
}

void arrival_init(const void* at, int count, Site site) {
  if (left_out(site)) return;
  if (!in_shared(at, 8) || shared_address(at) % 8 != 0) {
    fail("has an mbarrier that is not in its shared memory at " + place(site));
  }
  async().arrivals.insert_or_assign(shared_address(at),
                                    Arrivals{.count = count, .missing = count, .by = thread()});
}

void arrival_arrive(const void* at, Site site) {
  if (left_out(site)) return;
  arrive(arrivals_at(at, site), site);
}

void arrival_expect(const void* at, std::uint32_t bytes, Site site) {
  if (left_out(site)) return;
  Arrivals& arrivals = arrivals_at(at, site);
  arrivals.bytes += bytes;
  arrive(arrivals, site);
}

void arrival_await(const void* at, std::uint32_t parity, Site site) {
  if (left_out(site)) return;
  const Arrivals& arrivals = arrivals_at(at, site);
  await(site, "mbarrier", [&] { return arrivals.phase != parity; });
}

void fence_async(Site site) {
  if (left_out(site)) return;
  std::memcpy(async().view.data(), shared(), shared_bytes());
  for (auto& [address, arrivals] : async().arrivals) {
    if (arrivals.by == thread()) arrivals.shown = true;
  }
}

void wgmma(float* c, int n, std::uint64_t a, std::uint64_t b, Site site) {
  const int group = thread() / kWarpgroup;
  if ((group + 1) * kWarpgroup > threads()) fail("multiplies outside a whole warpgroup");
  Multiplier& mine = async().threads[static_cast<std::size_t>(thread())];
  if (!mine.fenced) fail("multiplies what no wgmma.fence was before at " + place(site));
  std::vector<Issued>& all = async().warpgroups[static_cast<std::size_t>(group)];
  if (mine.issued == all.size()) all.push_back({n, a, b});
  const Issued& same = all[mine.issued++];
  if (same.n != n || same.a != a || same.b != b) {
    fail("multiplies other tiles than its warpgroup at " + place(site));
  }
  Sums& sums = mine.sums[c];
  if (sums.in_flight++ == 0) {
    sums.values.assign(c, c + n / 2);
    std::fill(c, c + n / 2, std::numeric_limits<float>::quiet_NaN());
  }
  mine.products.push_back({c, n, a, b, mine.group});
}

void wgmma_fence(Site site) {
  if (left_out(site)) return;
  async().threads[static_cast<std::size_t>(thread())].fenced = true;
}

void wgmma_commit(Site site) {
  if (left_out(site)) return;
  ++async().threads[static_cast<std::size_t>(thread())].group;
}

void wgmma_wait(int but_last, Site site) {
  Waiting mine{&async().threads[static_cast<std::size_t>(thread())], thread(), but_last};
  static_cast<void>(meet(~0u, site, "wgmma wait", &mine, give_products));
}

void begin_async(int threads) {
  Async& all = async();
  all.arrivals.clear();
  all.view.assign(shared_bytes(), 0xff);
  all.threads.assign(static_cast<std::size_t>(threads), {});
  all.warpgroups.assign(static_cast<std::size_t>(threads / kWarpgroup), {});
}

std::string async_left_by(int thread) {
  const Multiplier& mine = async().threads[static_cast<std::size_t>(thread)];
  return mine.products.empty() ? "" : "ends with products that were not waited for";
}

std::string async_left() {
  const Async& all = async();
  for (const auto& [address, arrivals] : all.arrivals) {
    if (arrivals.bytes != 0) {
      return "an mbarrier was told of " + std::to_string(arrivals.bytes) +
             " bytes that did not come";
    }
  }
  for (std::size_t i = 0; i < all.threads.size() / kWarpgroup * kWarpgroup; ++i) {
    if (all.threads[i].issued != all.warpgroups[i / kWarpgroup].size()) {
      return "thread " + std::to_string(i) + " multiplied less often than its warpgroup";
    }
  }
  return "";
}

}  // namespace simt
