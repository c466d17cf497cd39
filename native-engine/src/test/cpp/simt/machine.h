// A grid of device threads on one host thread.
//
// The threads of a block are fibers that run one at a time, in an order drawn anew at every switch
// from a seed, and switch only where they wait: at a barrier, or for the lanes of a warp. So a
// thread runs as far ahead of the others as its waits allow, and a barrier that is missing shows as
// a wrong result. Blocks run one after the other, in an order drawn likewise. Shared memory holds
// NaNs at first and lies between pages that cannot be touched; asynchronous copies leave NaNs until
// they are waited for. simt/async.h has what works beside the threads.
//
// A kernel that may begin under the end of the one before does: one of its blocks, drawn from the
// seed, runs up to where it awaits that one before anything of that one has run. What it reads too
// early is then old, and what it writes too early is read by that one.
//
// What it cannot show: speed, weak memory order, what happens between blocks that run at once.
//
// A misuse ends the launch with a Failure that names kernel, block, thread and place. Each host
// thread has a machine of its own.
//
// Mutations. SIMT_MUTATE=file:line in the environment leaves out the wait, the exchange or the
// fence at that place, which the tests must notice; "file:line fewer lanes" takes the last lane out
// of the mask there, "file:line more lanes" gives it all lanes. SIMT_SITES=path appends what of
// this there is at the places that ran.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace simt {

inline constexpr int kWarp = 32;
inline constexpr int kMaxThreads = 1024;

class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A place in a kernel that calls one of the wrappers.
struct Site {
  const char* file;
  int line;
};

struct Shape {
  int blocks[3] = {1, 1, 1};
  int threads = 1;
  std::size_t shared_bytes = 0;
  bool awaits_launch_before = false;  // each of its threads does, before it ends
};

// A body for every thread of every block.
struct Kernel {
  const char* name;
  Shape shape;
  std::function<void()> body;
};

class Machine;

// A kernel that has begun: a block of it has come to where it awaits the kernel before.
class Begun {
 public:
  explicit Begun(const Kernel& kernel);
  ~Begun();
  Begun(const Begun&) = delete;
  Begun& operator=(const Begun&) = delete;

  // Behind the end of the kernel before.
  void finish();

 private:
  std::unique_ptr<Machine> machine_;
};

void run(const Kernel& kernel);

// A stream that does what is launched into it in its own time.
class Queue {
 public:
  virtual ~Queue() = default;
  virtual void put(const Kernel& kernel) = 0;
};

// The order of later launches of this host thread.
void seed(std::uint64_t seed);

// What a block may ask for, on this host thread: as much as an H100 gives, unless a test says less.
[[nodiscard]] std::size_t most_shared_bytes();
void give_shared_bytes(std::size_t bytes);
inline constexpr std::size_t kMostSharedBytes = 227 * 1024;

// ---- what a thread asks for ----

[[nodiscard]] int thread();
[[nodiscard]] int block(int axis);
[[nodiscard]] int blocks(int axis);
[[nodiscard]] int threads();
[[nodiscard]] std::uint8_t* shared();
[[nodiscard]] std::size_t shared_bytes();
[[nodiscard]] std::string place(Site site);

void await_launch_before(Site site);

void barrier(Site site);

// Waits until all lanes of the mask have come to a meeting of the same kind and mask; the last one
// computes for all. "kind" is one string for one wrapper. lanes[i] is what lane i brought, and null
// for a lane that is not in the mask. False when the meeting is left out: then it concerns the lane
// alone.
inline constexpr const char* kWarpBarrier = "warp barrier";
using Lanes = void* const (&)[kWarp];
[[nodiscard]] bool meet(std::uint32_t mask, Site site, const char* kind, void* mine,
                        void (*compute)(Lanes lanes));

// Waits until done() says so, which wake() asks; others may run before it goes on.
void await(Site site, const char* what, const std::function<bool()>& done);
void wake();
// Work of the device beside its threads: done at a switch drawn from the seed, in any order, at the
// latest when all threads wait.
void beside(std::function<void()> work);

void copy_async(void* to, const void* from, std::size_t bytes, std::size_t size, Site site);
void commit_copies(Site site);
void wait_copies(int but_last, Site site);
// Fails where a copy of another lane has landed that no barrier has made visible since: lanes that
// only execute an instruction together have not exchanged memory.
void check_visible(const void* memory, std::size_t bytes);

// The device's clock, in nanoseconds.
[[nodiscard]] std::uint64_t clock_ns();
// Puts it so far ahead of std::chrono::steady_clock.
void put_clock_ahead(std::int64_t ns);
// And for kernels of this host thread so far back, for what a device would have begun earlier.
void put_clock_back(std::int64_t ns);

// True where the environment says to leave the site out.
[[nodiscard]] bool left_out(Site site);

// Ends the launch.
[[noreturn]] void fail(const std::string& what);

}  // namespace simt
