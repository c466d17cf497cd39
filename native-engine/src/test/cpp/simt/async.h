// What a block has that works beside its threads: copies of tiles out of tensors, the mbarriers
// that count their bytes, and the products of warpgroups. By the PTX manual's definitions:
//
// - A copy leaves NaNs where its tile is to be and lands at a moment drawn from the seed, at the
//   latest when all threads wait. Copies land in any order.
// - An mbarrier's phase ends when all have arrived and all bytes that it was told of have come.
// - Products read shared memory as the asynchronous side sees it: what copies brought, and what
//   threads wrote before a fence. They read it, and give their sums, as late as they may: at the
//   wait. Until then their sums are NaNs. A tile is found by its descriptor's bits alone.
//
// What it does not show: a fence by a thread that did not write itself counts for what others
// wrote; that a map must be a kernel's parameter; how long anything takes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "simt/machine.h"

namespace simt {

struct TensorMap {
  const std::uint8_t* data = nullptr;
  int dims = 0;
  std::int64_t size[3] = {};
  std::int64_t stride_bytes[3] = {};
  int box[3] = {};
  int swizzle_bytes = 0;
};
// Throws a Failure where the driver would refuse.
void check_map(const TensorMap& map);

// Where the address window of shared memory has this: 16 bytes aligned, as all that is promised of
// a launch's shared memory.
[[nodiscard]] std::uint32_t shared_address(const void* at);

void load_tile(void* to, const TensorMap& map, const int (&at)[3], const void* arrival, Site site);

void arrival_init(const void* at, int count, Site site);
void arrival_arrive(const void* at, Site site);
void arrival_expect(const void* at, std::uint32_t bytes, Site site);
// Until the phase of that parity has ended.
void arrival_await(const void* at, std::uint32_t parity, Site site);
void fence_async(Site site);

// m64 n k16 of BF16: c has n / 2 numbers of each thread. A is by columns, B by rows.
void wgmma(float* c, int n, std::uint64_t a, std::uint64_t b, Site site);
void wgmma_fence(Site site);
void wgmma_commit(Site site);
void wgmma_wait(int but_last, Site site);

// ---- for the machine ----

// What of this a machine has.
struct Async;
[[nodiscard]] std::shared_ptr<Async> new_async();
// Of the machine that runs.
[[nodiscard]] Async& async();

void begin_async(int threads);
// What the thread, or the block, leaves undone at its end; empty: nothing.
[[nodiscard]] std::string async_left_by(int thread);
[[nodiscard]] std::string async_left();

}  // namespace simt
