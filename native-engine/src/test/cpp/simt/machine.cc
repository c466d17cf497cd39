#include "simt/machine.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "simt/async.h"

#if defined(__SANITIZE_ADDRESS__)
#define SIMT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIMT_ASAN 1
#endif
#endif
#ifdef SIMT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

// Saves what a call must preserve on the stack, and the stack's end at *save; then the same
// backwards from "load".
asm(R"(
.text
.globl simt_switch
.type simt_switch, @function
simt_switch:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
.size simt_switch, .-simt_switch
)");
extern "C" void simt_switch(void** save, void* load);

namespace simt {

std::string place(Site site) {
  const char* slash = std::strrchr(site.file, '/');
  return std::string(slash == nullptr ? site.file : slash + 1) + ":" +
         std::to_string(std::abs(site.line));
}

namespace {

std::atomic<std::int64_t> clock_ahead_ns{0};
thread_local std::int64_t clock_back_ns = 0;
thread_local std::size_t shared_given = kMostSharedBytes;

#ifdef SIMT_ASAN
constexpr std::size_t kStack = 256 * 1024;
#else
constexpr std::size_t kStack = 64 * 1024;
#endif

std::string meeting_text(std::uint32_t mask, Site site, const char* kind) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", mask);
  return std::string(kind) + " at " + place(site) + ", mask " + text;
}

bool same(Site a, Site b) {
  return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

// The places that ran, written when the process ends.
class Sites {
 public:
  ~Sites() {
    if (path_ == nullptr || places_.empty()) return;
    std::FILE* file = std::fopen(path_, "a");
    if (file == nullptr) return;
    for (const std::string& each : places_) std::fprintf(file, "%s\n", each.c_str());
    std::fclose(file);
  }

  // Instructions that only compute have their line negative: there is nothing to leave out.
  bool left_out(Site site) {
    if (site.line < 0) return false;
    if (path_ != nullptr) {
      const std::lock_guard lock(mutex_);
      places_.insert(place(site));
    }
    return mutate_ != nullptr && site.line == line_ && place(site) == mutate_;
  }

  // The mask of a site: without its last lane where the environment says "PLACE fewer lanes", of
  // all lanes where it says "PLACE more lanes".
  std::uint32_t mask_of(Site site, std::uint32_t mask) {
    if (site.line < 0 || (path_ == nullptr && site.line != line_)) return mask;
    const std::string fewer = place(site) + " fewer lanes";
    const std::string more = place(site) + " more lanes";
    if (path_ != nullptr) {
      const std::lock_guard lock(mutex_);
      places_.insert(fewer);
      if (mask != ~0u) places_.insert(more);
    }
    if (mutate_ == nullptr) return mask;
    if (fewer == mutate_) return mask ^ std::bit_floor(mask);
    return more == mutate_ ? ~0u : mask;
  }

 private:
  const char* path_ = std::getenv("SIMT_SITES");
  const char* mutate_ = std::getenv("SIMT_MUTATE");
  int line_ = mutate_ == nullptr || std::strrchr(mutate_, ':') == nullptr
                  ? 0
                  : std::atoi(std::strrchr(mutate_, ':') + 1);
  std::mutex mutex_;
  std::set<std::string> places_;
};

Sites& sites() {
  static Sites all;
  return all;
}

// Memory that ends where a page begins that cannot be touched, as does a page before it.
class SharedMemory {
 public:
  ~SharedMemory() { release(); }

  void resize(std::size_t bytes) {
    bytes_ = bytes;
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t inner = (bytes + page - 1) / page * page;
    if (inner + 2 * page != mapped_) {
      release();
      mapped_ = inner + 2 * page;
      base_ = static_cast<std::uint8_t*>(
          mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
      if (base_ == MAP_FAILED) throw std::bad_alloc();
      if (inner > 0) mprotect(base_ + page, inner, PROT_READ | PROT_WRITE);
    }
    begin_ = base_ + page + inner - bytes;
    slack_ = begin_ - (base_ + page);
  }
  void poison() { std::memset(begin_ - slack_, 0xff, bytes_ + static_cast<std::size_t>(slack_)); }
  // Whether what lies between the first page and the memory is as it was.
  [[nodiscard]] bool intact() const {
    return std::all_of(begin_ - slack_, begin_, [](std::uint8_t byte) { return byte == 0xff; });
  }
  [[nodiscard]] std::uint8_t* begin() const { return begin_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] bool near(const void* address) const {
    const auto* at = static_cast<const std::uint8_t*>(address);
    return base_ != nullptr && at >= base_ && at < base_ + mapped_;
  }

 private:
  void release() {
    if (base_ != nullptr) munmap(base_, mapped_);
    base_ = nullptr;
  }

  std::uint8_t* base_ = nullptr;
  std::uint8_t* begin_ = nullptr;
  std::size_t mapped_ = 0;
  std::size_t bytes_ = 0;
  std::ptrdiff_t slack_ = 0;
};

struct Copy {
  void* to;
  const void* from;
  std::size_t bytes;
  std::size_t size;
  int group;
  std::vector<std::uint8_t> read = {};  // of one that may have been done before the launch before
};

struct Meeting {
  std::uint32_t mask = 0;
  std::uint32_t arrived = 0;
  const char* kind = nullptr;
  Site site{};
  void* lanes[kWarp] = {};
};

enum class State : std::uint8_t { kReady, kAtBarrier, kMeeting, kAwaiting, kAtLaunch, kEnded };

struct Fiber {
  void* stack_end = nullptr;  // where it was left
  void* fake_stack = nullptr;
  State state = State::kReady;
  Site site{};
  std::deque<Copy> copies;
  std::vector<Copy> landed;  // since the last barrier
  int group = 0;
  bool awaited_launch = false;
  const std::function<bool()>* done = nullptr;  // of one that awaits something
  const char* what = "";
};

thread_local std::uint64_t random_state = 1;

std::uint64_t next_random() {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

}  // namespace

class Machine {
 public:
  Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine() {
    if (stacks_ != nullptr) munmap(stacks_, kStack * kMaxThreads);
  }

  // As far as its first block comes.
  void begin(const Kernel& wanted);
  void finish();
  void await_launch_before(Site site);
  void barrier(Site site);
  bool meet(std::uint32_t mask, Site site, const char* kind, void* mine,
            void (*compute)(Lanes lanes));
  void await(Site site, const char* what, const std::function<bool()>& done);
  void wake();
  [[noreturn]] void fail(const std::string& what);
  [[noreturn]] static void enter_thread();

  Shape shape;
  int block[3] = {};
  int current = -1;
  const char* kernel = "";
  SharedMemory shared;
  std::vector<Fiber> fibers{kMaxThreads};
  std::vector<std::function<void()>> beside;
  std::shared_ptr<Async> async = new_async();

 private:
  void run_block();
  void end_block();
  void prepare(int thread);
  void make_ready(int thread);
  void enter(int thread);
  void work_beside();
  void leave();
  void wait(State state, Site site);
  void release_barrier();
  [[nodiscard]] std::string waits() const;
  void check_mask(std::uint32_t mask, Site site, const char* kind);
  Meeting& meeting_of(std::uint32_t mask, Site site, const char* kind);
  void switch_fiber(void** save, void** fake, void* load, int to);

  [[nodiscard]] std::uint8_t* stack(int thread) const {
    return stacks_ + kStack * static_cast<std::size_t>(thread);
  }

  std::function<void()> body_;
  std::vector<int> blocks_;  // that have not begun
  std::vector<int> at_launch_;
  bool launch_before_ended_ = false;
  std::uint8_t* stacks_ = nullptr;
  void* main_stack_end_ = nullptr;
  void* main_fake_ = nullptr;
  [[maybe_unused]] const void* main_bottom_ = nullptr;
  [[maybe_unused]] std::size_t main_size_ = 0;
  std::vector<int> ready_;
  std::vector<Meeting> meetings_[kMaxThreads / kWarp];
  int alive_ = 0;
  int at_barrier_ = 0;
  std::vector<int> awaiting_;
  std::string failure_;
};

namespace {

// That runs; none between kernels.
thread_local Machine* active = nullptr;

Machine& machine() {
  static thread_local Machine idle;
  return active == nullptr ? idle : *active;
}

// Machines without a kernel, of the host thread: their stacks are kept.
std::vector<std::unique_ptr<Machine>>& idle_machines() {
  static thread_local std::vector<std::unique_ptr<Machine>> all;
  return all;
}

class Activation {
 public:
  explicit Activation(Machine& machine) : before_(std::exchange(active, &machine)) {
    if (before_ != nullptr && before_->current >= 0) {
      active = before_;
      throw Failure("simt: a kernel launches a kernel");
    }
  }
  ~Activation() { active = before_; }
  Activation(const Activation&) = delete;
  Activation& operator=(const Activation&) = delete;

 private:
  Machine* before_;
};

#ifdef SIMT_ASAN
void catch_faults() {}  // the sanitizer reports them
#else
// Shared memory is used beyond its end by a program that is wrong in ways no exception can leave.
// All other faults go to whoever handled them before: a Java machine makes some on purpose.
struct sigaction handler_before = {};

void report_fault(int signal_number, siginfo_t* info, void* context) {
  if (active == nullptr || !active->shared.near(info->si_addr)) {
    if ((handler_before.sa_flags & SA_SIGINFO) != 0) {
      return handler_before.sa_sigaction(signal_number, info, context);
    }
    std::signal(SIGSEGV, handler_before.sa_handler);
    return;
  }
  const Machine& m = *active;
  char text[256];
  const auto offset = static_cast<const std::uint8_t*>(info->si_addr) - m.shared.begin();
  std::snprintf(text, sizeof text,
                "simt: %s, block %d,%d,%d, thread %d: shared memory of %zu bytes used at %td\n",
                m.kernel, m.block[0], m.block[1], m.block[2], m.current, m.shared.bytes(), offset);
  if (write(STDERR_FILENO, text, std::strlen(text)) < 0) std::abort();
  std::signal(SIGSEGV, SIG_DFL);
}

void catch_faults() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action = {};
    action.sa_sigaction = report_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigaction(SIGSEGV, &action, &handler_before);
  });
}
#endif

void land(const Copy& copy) {
  std::memcpy(copy.to, copy.read.empty() ? copy.from : copy.read.data(), copy.bytes);
  std::memset(static_cast<std::uint8_t*>(copy.to) + copy.bytes, 0, copy.size - copy.bytes);
}

}  // namespace

void Machine::begin(const Kernel& wanted) {
  if (wanted.shape.threads < 1 || wanted.shape.threads > kMaxThreads) {
    throw Failure(std::string("simt: ") + wanted.name + ": " +
                  std::to_string(wanted.shape.threads) + " threads in a block");
  }
  if (wanted.shape.shared_bytes > shared_given) {
    throw Failure(std::string(wanted.name) + ": " + std::to_string(wanted.shape.shared_bytes) +
                  " bytes of shared memory in a block");
  }
  catch_faults();
  if (stacks_ == nullptr) {
    stacks_ = static_cast<std::uint8_t*>(mmap(nullptr, kStack * kMaxThreads, PROT_READ | PROT_WRITE,
                                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (stacks_ == MAP_FAILED) throw std::bad_alloc();
  }
  kernel = wanted.name;
  shape = wanted.shape;
  body_ = wanted.body;
  shared.resize(shape.shared_bytes);
  const int n = shape.blocks[0] * shape.blocks[1] * shape.blocks[2];
  blocks_.resize(static_cast<std::size_t>(n));
  std::iota(blocks_.begin(), blocks_.end(), 0);
  for (std::size_t i = blocks_.size(); i > 1; --i) {
    std::swap(blocks_[i - 1], blocks_[next_random() % i]);
  }
  launch_before_ended_ = false;
  at_launch_.clear();
  if (shape.awaits_launch_before) run_block();
}

void Machine::finish() {
  launch_before_ended_ = true;
  if (!at_launch_.empty()) {
    for (const int thread : std::exchange(at_launch_, {})) make_ready(thread);
    enter(-1);
    end_block();
  }
  while (!blocks_.empty()) run_block();
}

// The next one, to its end or to where it awaits the kernel before.
void Machine::run_block() {
  const int index = blocks_.back();
  blocks_.pop_back();
  block[0] = index % shape.blocks[0];
  block[1] = index / shape.blocks[0] % shape.blocks[1];
  block[2] = index / shape.blocks[0] / shape.blocks[1];
  shared.poison();
  failure_.clear();
  ready_.clear();
  for (std::vector<Meeting>& each : meetings_) each.clear();
  awaiting_.clear();
  beside.clear();
  begin_async(shape.threads);
  alive_ = shape.threads;
  at_barrier_ = 0;
  for (int i = 0; i < shape.threads; ++i) prepare(i);
  enter(-1);
  if (at_launch_.empty() || !failure_.empty()) end_block();
}

void Machine::end_block() {
  current = -1;
  if (failure_.empty()) failure_ = async_left();
  if (failure_.empty() && !shared.intact()) failure_ = "wrote before its shared memory";
  if (failure_.empty()) return;
  throw Failure("simt: " + std::string(kernel) + ", block " + std::to_string(block[0]) + "," +
                std::to_string(block[1]) + "," + std::to_string(block[2]) + ", " + failure_);
}

// A stack that simt_switch() enters enter_thread() from.
void Machine::prepare(int thread) {
  Fiber& fiber = fibers[static_cast<std::size_t>(thread)];
#ifdef SIMT_ASAN
  __asan_unpoison_memory_region(stack(thread), kStack);
#endif
  auto** top = reinterpret_cast<void**>(stack(thread) + kStack) - 1;
  *top = nullptr;  // enter_thread() returns nowhere; the stack is aligned as after a call
  *--top = reinterpret_cast<void*>(&Machine::enter_thread);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  fiber.stack_end = top;
  fiber.fake_stack = nullptr;
  fiber.copies.clear();
  fiber.landed.clear();
  fiber.group = 0;
  fiber.awaited_launch = false;
  make_ready(thread);
}

void Machine::make_ready(int thread) {
  fibers[static_cast<std::size_t>(thread)].state = State::kReady;
  ready_.push_back(thread);
}

void Machine::switch_fiber(void** save, [[maybe_unused]] void** fake, void* load,
                           [[maybe_unused]] int to) {
#ifdef SIMT_ASAN
  const void* bottom = to < 0 ? main_bottom_ : stack(to);
  __sanitizer_start_switch_fiber(fake, bottom, to < 0 ? main_size_ : kStack);
#endif
  simt_switch(save, load);
#ifdef SIMT_ASAN
  __sanitizer_finish_switch_fiber(
      current < 0 ? main_fake_ : fibers[static_cast<std::size_t>(current)].fake_stack, nullptr,
      nullptr);
#endif
}

void Machine::work_beside() {
  constexpr std::uint64_t kSeldom = 8;
  while (!beside.empty() && (ready_.empty() || next_random() % kSeldom == 0)) {
    std::swap(beside[next_random() % beside.size()], beside.back());
    const std::function<void()> work = std::move(beside.back());
    beside.pop_back();
    work();
  }
}

// Runs another thread that is ready, from the given one; the block's end when there is none.
void Machine::enter(int from) {
  void** save = from < 0 ? &main_stack_end_ : &fibers[static_cast<std::size_t>(from)].stack_end;
  void** fake = from < 0 ? &main_fake_ : &fibers[static_cast<std::size_t>(from)].fake_stack;
  if (from >= 0 && fibers[static_cast<std::size_t>(from)].state == State::kEnded) fake = nullptr;
  if (failure_.empty()) work_beside();
  if (failure_.empty() && ready_.empty() && alive_ > 0 && at_launch_.empty()) {
    failure_ = "threads wait forever: " + waits();
  }
  if (!failure_.empty() || ready_.empty()) {
    current = -1;
    return switch_fiber(save, fake, main_stack_end_, -1);
  }
  const std::size_t pick = next_random() % ready_.size();
  const int to = ready_[pick];
  ready_[pick] = ready_.back();
  ready_.pop_back();
  current = to;
  if (to == from) return;
  switch_fiber(save, fake, fibers[static_cast<std::size_t>(to)].stack_end, to);
}

void Machine::enter_thread() {
  Machine& m = machine();
#ifdef SIMT_ASAN
  const void* bottom;
  std::size_t size;
  __sanitizer_finish_switch_fiber(nullptr, &bottom, &size);
  // The first thread of a block is entered from the host thread's own stack.
  if (m.main_bottom_ == nullptr) {
    m.main_bottom_ = bottom;
    m.main_size_ = size;
  }
#endif
  m.body_();
  m.leave();
  __builtin_unreachable();
}

void Machine::leave() {
  Fiber& fiber = fibers[static_cast<std::size_t>(current)];
  if (shape.awaits_launch_before && !fiber.awaited_launch) {
    fail("ends without having awaited the launch before");
  }
  if (!fiber.copies.empty()) fail("ends with copies that were not waited for");
  if (const std::string left = async_left_by(current); !left.empty()) fail(left);
  fiber.state = State::kEnded;
  --alive_;
  if (alive_ == 0 && !beside.empty()) fail("ends with tiles on their way");
  if (at_barrier_ > 0) fail("ends while others wait: " + waits());
  enter(current);
}

void Machine::wait(State state, Site site) {
  const int self = current;
  Fiber& fiber = fibers[static_cast<std::size_t>(self)];
  fiber.state = state;
  fiber.site = site;
  enter(self);
}

void Machine::await_launch_before(Site site) {
  Fiber& fiber = fibers[static_cast<std::size_t>(current)];
  fiber.awaited_launch = true;
  if (launch_before_ended_) return;
  for (Copy& copy : fiber.copies) {
    const auto* from = static_cast<const std::uint8_t*>(copy.from);
    copy.read.assign(from, from + copy.bytes);
  }
  at_launch_.push_back(current);
  wait(State::kAtLaunch, site);
}

void Machine::barrier(Site site) {
  for (int i = 0; i < shape.threads && at_barrier_ > 0; ++i) {
    const Fiber& other = fibers[static_cast<std::size_t>(i)];
    if (other.state != State::kAtBarrier) continue;
    if (same(other.site, site)) break;
    fail("is at the barrier " + place(site) + " while thread " + std::to_string(i) + " is at " +
         place(other.site));
  }
  if (alive_ < shape.threads) fail("is at the barrier " + place(site) + " after others have ended");
  if (++at_barrier_ == alive_) return release_barrier();
  wait(State::kAtBarrier, site);
}

void Machine::await(Site site, const char* what, const std::function<bool()>& done) {
  Fiber& fiber = fibers[static_cast<std::size_t>(current)];
  if (done()) {
    make_ready(current);
    return enter(current);
  }
  fiber.done = &done;
  fiber.what = what;
  awaiting_.push_back(current);
  wait(State::kAwaiting, site);
}

void Machine::wake() {
  std::erase_if(awaiting_, [&](int thread) {
    const bool done = (*fibers[static_cast<std::size_t>(thread)].done)();
    if (done) make_ready(thread);
    return done;
  });
}

// The last to arrive goes on in its turn.
void Machine::release_barrier() {
  const int self = current;
  at_barrier_ = 0;
  for (int i = 0; i < shape.threads; ++i) {
    fibers[static_cast<std::size_t>(i)].landed.clear();
    if (i == self || fibers[static_cast<std::size_t>(i)].state == State::kAtBarrier) make_ready(i);
  }
  enter(self);
}

void Machine::check_mask(std::uint32_t mask, Site site, const char* kind) {
  const int lanes = std::min(kWarp, shape.threads - current / kWarp * kWarp);
  const std::uint32_t there = lanes == kWarp ? ~0u : (1u << lanes) - 1;
  if ((mask >> (current % kWarp) & 1u) == 0) {
    fail("is not in the mask of its " + meeting_text(mask, site, kind));
  }
  if ((mask & ~there) != 0) {
    fail("has lanes that do not exist in the mask of its " + meeting_text(mask, site, kind));
  }
}

// The warp's meeting that lanes of the mask have come to, or a new one. Lanes that are at another
// one may still come; if they never do, the threads wait forever.
Meeting& Machine::meeting_of(std::uint32_t mask, Site site, const char* kind) {
  std::vector<Meeting>& open = meetings_[current / kWarp];
  for (Meeting& each : open) {
    if (each.mask == mask && each.kind == kind && same(each.site, site)) return each;
  }
  return open.emplace_back(Meeting{mask, 0, kind, site, {}});
}

bool Machine::meet(std::uint32_t mask, Site site, const char* kind, void* mine,
                   void (*compute)(Lanes lanes)) {
  if (sites().left_out(site)) return false;
  mask = sites().mask_of(site, mask);
  check_mask(mask, site, kind);
  Meeting& at = meeting_of(mask, site, kind);
  at.arrived |= 1u << (current % kWarp);
  at.lanes[current % kWarp] = mine;
  if (at.arrived != mask) {
    wait(State::kMeeting, site);
    return true;
  }
  compute(at.lanes);
  const bool visible = std::strcmp(kind, kWarpBarrier) == 0;
  std::vector<Meeting>& open = meetings_[current / kWarp];
  open.erase(open.begin() + (&at - open.data()));
  const int first = current / kWarp * kWarp;
  for (int i = 0; i < kWarp; ++i) {
    if ((mask >> i & 1u) == 0) continue;
    make_ready(first + i);
    if (visible) fibers[static_cast<std::size_t>(first + i)].landed.clear();
  }
  enter(current);
  return true;
}

std::string Machine::waits() const {
  std::set<std::string> where;
  for (int i = 0; i < shape.threads && at_barrier_ > 0; ++i) {
    const Fiber& fiber = fibers[static_cast<std::size_t>(i)];
    if (fiber.state == State::kAtBarrier) where.insert("barrier at " + place(fiber.site));
  }
  for (const std::vector<Meeting>& warp : meetings_) {
    for (const Meeting& each : warp) where.insert(meeting_text(each.mask, each.site, each.kind));
  }
  for (const int thread : awaiting_) {
    const Fiber& fiber = fibers[static_cast<std::size_t>(thread)];
    where.insert(std::string(fiber.what) + " at " + place(fiber.site));
  }
  std::string text;
  for (const std::string& each : where) text += (text.empty() ? "" : "; ") + each;
  return text;
}

void Machine::fail(const std::string& what) {
  failure_ = "thread " + std::to_string(current) + " " + what;
  enter(current);
  __builtin_unreachable();
}

Begun::Begun(const Kernel& kernel) {
  std::vector<std::unique_ptr<Machine>>& idle = idle_machines();
  if (idle.empty()) idle.push_back(std::make_unique<Machine>());
  machine_ = std::move(idle.back());
  idle.pop_back();
  const Activation activation(*machine_);
  machine_->begin(kernel);
}

Begun::~Begun() {
  machine_->current = -1;
  idle_machines().push_back(std::move(machine_));
}

void Begun::finish() {
  const Activation activation(*machine_);
  machine_->finish();
}

void run(const Kernel& kernel) { Begun(kernel).finish(); }

void seed(std::uint64_t value) {
  // Not 0, and far from its neighbours.
  random_state = (value + 1) * 0x9e3779b97f4a7c15u | 1u;
}

Async& async() { return *machine().async; }

int thread() { return machine().current; }
int block(int axis) { return machine().block[axis]; }
int blocks(int axis) { return machine().shape.blocks[axis]; }
int threads() { return machine().shape.threads; }
std::uint8_t* shared() { return machine().shared.begin(); }
std::size_t shared_bytes() { return machine().shared.bytes(); }

void await_launch_before(Site site) {
  if (left_out(site)) return;
  machine().await_launch_before(site);
}

void barrier(Site site) {
  if (left_out(site)) return;
  machine().barrier(site);
}

bool meet(std::uint32_t mask, Site site, const char* kind, void* mine,
          void (*compute)(Lanes lanes)) {
  return machine().meet(mask, site, kind, mine, compute);
}

void await(Site site, const char* what, const std::function<bool()>& done) {
  machine().await(site, what, done);
}
void wake() { machine().wake(); }
void beside(std::function<void()> work) { machine().beside.push_back(std::move(work)); }

void copy_async(void* to, const void* from, std::size_t bytes, std::size_t size, Site site) {
  Machine& m = machine();
  const auto aligned = [&](const void* p) {
    return reinterpret_cast<std::uintptr_t>(p) % size == 0;
  };
  if (!aligned(to) || !aligned(from)) fail("copies what is not aligned at " + place(site));
  const auto* at = static_cast<const std::uint8_t*>(to);
  if (at < m.shared.begin() || at + size > m.shared.begin() + m.shared.bytes()) {
    fail("copies to outside its shared memory at " + place(site));
  }
  std::memset(to, 0xff, size);
  Fiber& fiber = m.fibers[static_cast<std::size_t>(m.current)];
  fiber.copies.push_back({to, from, bytes, size, fiber.group});
}

void commit_copies(Site site) {
  if (left_out(site)) return;
  Machine& m = machine();
  ++m.fibers[static_cast<std::size_t>(m.current)].group;
}

void wait_copies(int but_last, Site site) {
  if (left_out(site)) return;
  Machine& m = machine();
  Fiber& fiber = m.fibers[static_cast<std::size_t>(m.current)];
  while (!fiber.copies.empty() && fiber.copies.front().group < fiber.group - but_last) {
    land(fiber.copies.front());
    fiber.landed.push_back(fiber.copies.front());
    fiber.copies.pop_front();
  }
}

void check_visible(const void* memory, std::size_t bytes) {
  const Machine& m = machine();
  const auto* from = static_cast<const std::uint8_t*>(memory);
  const int first = m.current / kWarp * kWarp;
  for (int i = first; i < std::min(first + kWarp, m.shape.threads); ++i) {
    for (const Copy& copy : m.fibers[static_cast<std::size_t>(i)].landed) {
      const auto* to = static_cast<const std::uint8_t*>(copy.to);
      if (from < to + copy.size && to < from + bytes) {
        fail("reads with others what thread " + std::to_string(i) +
             "'s copy brought, and no barrier was between");
      }
    }
  }
}

std::uint64_t clock_ns() {
  const std::chrono::nanoseconds now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(now.count() + clock_ahead_ns.load() - clock_back_ns);
}

void put_clock_back(std::int64_t ns) { clock_back_ns = ns; }

std::size_t most_shared_bytes() { return shared_given; }
void give_shared_bytes(std::size_t bytes) { shared_given = bytes; }

void put_clock_ahead(std::int64_t ns) { clock_ahead_ns.store(ns); }

bool left_out(Site site) { return sites().left_out(site); }

void fail(const std::string& what) { machine().fail(what); }

}  // namespace simt
