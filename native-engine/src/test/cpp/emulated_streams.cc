#include "emulated_streams.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

#include "base/clock.h"

namespace sb::cuda::emulated {
namespace {

constexpr std::chrono::microseconds kSlow(200);
constexpr std::chrono::nanoseconds kLate(50'000'000);

std::atomic<std::uint64_t> streams{0};

// The first item, and kernels directly behind it where it is one.
template <class Iterator>
std::vector<const Item*> done_together(Iterator from, Iterator end) {
  std::vector<const Item*> all{&*from};
  while (all.back()->kernel != nullptr && ++from != end && from->kernel != nullptr) {
    all.push_back(&*from);
  }
  return all;
}

}  // namespace

std::vector<Item>& Recording::items_of(Queue* queue) {
  for (Branch& branch : branches) {
    if (branch.queue == queue) return branch.items;
  }
  return branches.emplace_back(Branch{queue, {}, 0}).items;
}

bool Recording::joined() const {
  return std::all_of(branches.begin() + 1, branches.end(), [&](const Branch& branch) {
    const std::shared_ptr<Putting>& end = branch.items.back().passes;
    return end != nullptr && std::any_of(branches[0].items.begin(), branches[0].items.end(),
                                         [&](const Item& item) { return item.awaits == end; });
  });
}

Queue::Queue(std::int32_t device, Settings& settings)
    : device_(device),
      settings_(settings),
      number_(streams++),
      group_(std::make_shared<Group>(1, this)) {}

Queue::~Queue() { std::erase(*group_, this); }

// A device would load what was never launched while it records.
void Queue::put(const simt::Kernel& kernel) {
  if (!records()) {
    launched_.insert(kernel.name);
  } else if (launched_.insert(kernel.name).second) {
    __atomic_add_fetch(&settings_.recorded_first, 1, __ATOMIC_RELAXED);
  }
  add({.kernel = std::make_shared<const simt::Kernel>(kernel)});
}

void Queue::finish(simt::Begun& kernel, bool overlapped) {
  __atomic_add_fetch(&settings_.kernels, 1, __ATOMIC_RELAXED);
  if (overlapped) __atomic_add_fetch(&settings_.overlapped, 1, __ATOMIC_RELAXED);
  if (settings_.slow_device == device_) std::this_thread::sleep_for(kSlow);
  kernel.finish();
}

void Queue::put_copy(std::function<void()> work) {
  if (settings_.slow_device != device_) return add({.work = std::move(work)});
  add({.work = [work = std::move(work)] {
    std::this_thread::sleep_for(kSlow);
    work();
  }});
}

void Queue::add(Item item) {
  if (recording_ != nullptr) {
    recording_->items_of(this).push_back(std::move(item));
  } else {
    item.put_ns = now_ns() + (is_late() ? kLate.count() : 0);
    items_.push_back(std::move(item));
  }
}

void Queue::put_mark(Marker& marker) {
  marker.latest = std::make_shared<Putting>(Putting{.queue = this, .recording = recording_.get()});
  add({.passes = marker.latest});
}

bool Queue::follow(const Marker& marker, bool left_out) {
  const std::shared_ptr<Putting>& putting = marker.latest;
  if (putting == nullptr) return true;
  join(*putting->queue);
  if (left_out) return true;
  const std::shared_ptr<Recording>& theirs = putting->queue->recording_;
  if (recording_ == nullptr && theirs.get() == putting->recording) recording_ = theirs;
  if (recording_.get() != putting->recording) return false;
  add({.awaits = putting});
  return true;
}

void Queue::join(Queue& other) {
  if (group_ == other.group_) return;
  const std::shared_ptr<Group> theirs = other.group_;
  for (Queue* each : *theirs) {
    each->group_ = group_;
    group_->push_back(each);
  }
  std::sort(group_->begin(), group_->end(),
            [](const Queue* a, const Queue* b) { return a->number_ < b->number_; });
}

void Queue::record() {
  recording_ = std::make_shared<Recording>();
  static_cast<void>(recording_->items_of(this));
}

std::shared_ptr<Recording> Queue::seal() {
  std::shared_ptr<Recording> recording = recording_;
  for (const Recording::Branch& branch : recording->branches) branch.queue->recording_ = nullptr;
  return recording->joined() ? recording : nullptr;
}

Queue::Group Queue::order() const {
  Group order = *group_;
  const auto begin = static_cast<std::size_t>(settings_.first_stream) % order.size();
  std::rotate(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(begin), order.end());
  return order;
}

void Queue::finish() {
  // Longer, as the work takes its time too.
  if (is_late()) std::this_thread::sleep_for(kLate * 5 / 4);
  while (!items_.empty()) go_on_with_group();
}

void Queue::finish_until(const Putting& putting) {
  while (!putting.passed) go_on_with_group();
}

void Queue::go_on_with_group() {
  const Group now = order();
  const bool went_on =
      std::any_of(now.begin(), now.end(), [&](Queue* each) { return each->go_on(now); });
  if (!went_on) throw simt::Failure("streams wait for one another forever");
}

bool Queue::go_on(const Group& order) {
  if (items_.empty()) return false;
  Item& item = items_.front();
  if (item.replays == nullptr) {
    const std::size_t n = done(done_together(items_.begin(), items_.end()), time_ns_, *this);
    items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(n));
    return n > 0;
  }
  const bool begins = !std::exchange(replaying_, true);
  if (begins) item.replays->rewind(std::max(time_ns_, item.put_ns));
  if (!item.replays->ended()) return item.replays->go_on(order);
  replaying_ = false;
  time_ns_ = item.replays->branches[0].time_ns;
  items_.pop_front();
  return true;
}

namespace {

// Does the work as if it had begun at this time, which is then that of its end.
template <class Work>
void at_time(std::int64_t& time_ns, const Work& work) {
  const std::int64_t begun_ns = now_ns();
  simt::put_clock_back(begun_ns - time_ns);
  work();
  simt::put_clock_back(0);
  time_ns += now_ns() - begun_ns;
}

void run_kernels(const std::vector<const Item*>& kernels, std::int64_t& time_ns, Queue& queue) {
  std::unique_ptr<simt::Begun> now;
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    std::unique_ptr<simt::Begun> next;
    time_ns = std::max(time_ns, kernels[i]->put_ns);
    at_time(time_ns, [&] {
      if (i == 0) now = std::make_unique<simt::Begun>(*kernels[0]->kernel);
      if (i + 1 < kernels.size()) next = std::make_unique<simt::Begun>(*kernels[i + 1]->kernel);
      queue.finish(*now, i > 0);
    });
    now = std::move(next);
  }
}

}  // namespace

std::size_t done(const std::vector<const Item*>& items, std::int64_t& time_ns, Queue& queue) {
  if (items[0]->kernel != nullptr) {
    run_kernels(items, time_ns, queue);
    return items.size();
  }
  const Item& item = *items[0];
  if (item.awaits != nullptr && !item.awaits->passed) return 0;
  time_ns = std::max(time_ns, item.put_ns);
  if (item.awaits != nullptr) time_ns = std::max(time_ns, item.awaits->passed_ns);
  if (item.passes != nullptr) {
    item.passes->passed = true;
    item.passes->passed_ns = time_ns;
  }
  if (item.work != nullptr) at_time(time_ns, item.work);
  return 1;
}

void Recording::rewind(std::int64_t time_ns) {
  for (Branch& branch : branches) {
    branch.next = 0;
    branch.time_ns = time_ns;
    for (const Item& item : branch.items) {
      if (item.passes != nullptr) item.passes->passed = false;
    }
  }
}

bool Recording::ended() const {
  return std::all_of(branches.begin(), branches.end(),
                     [](const Branch& branch) { return branch.next == branch.items.size(); });
}

bool Recording::go_on(const std::vector<Queue*>& order) {
  return std::any_of(order.begin(), order.end(), [&](const Queue* queue) {
    return std::any_of(branches.begin(), branches.end(), [&](Branch& branch) {
      if (branch.queue != queue || branch.next == branch.items.size()) return false;
      const auto next = branch.items.begin() + static_cast<std::ptrdiff_t>(branch.next);
      const std::size_t n =
          done(done_together(next, branch.items.end()), branch.time_ns, *branch.queue);
      branch.next += n;
      return n > 0;
    });
  });
}

}  // namespace sb::cuda::emulated
