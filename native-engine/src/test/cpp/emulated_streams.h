// Streams of the emulated device. What is put into one is done when somebody waits for it, as late
// as a device may do it: what the host changes too early, or what no stream waits for, shows in the
// result.
//
// Streams that follow one another are a group, whose work is done by the thread that waits for one
// of them: always that of the first stream, by settings, which can go on. So this one runs as far
// ahead of the others as its waits allow. They are used by one thread at a time.
//
// A kernel directly behind another one begins before that one runs (simt::Begun), as far as it
// comes.
//
// By the device's clock streams work side by side: a piece of work begins when it has been put and
// what it waits for has ended, and takes as long as the host takes for it. What the next kernel
// does before it awaits this one is this one's time.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string_view>
#include <vector>

#include "emulated_device.h"
#include "simt/machine.h"

namespace sb::cuda::emulated {

class Queue;
struct Recording;

// Where a mark was put last.
struct Putting {
  bool passed = false;
  std::int64_t passed_ns = 0;  // by a clock that is the host's
  Queue* queue = nullptr;
  const Recording* recording = nullptr;  // that it is in
};
struct Marker {
  std::shared_ptr<Putting> latest;
  std::int64_t looks = 0;  // of the host, whether it has been passed
};

struct Item {
  std::function<void()> work = nullptr;
  std::shared_ptr<const simt::Kernel> kernel = nullptr;
  std::shared_ptr<Putting> passes = nullptr;
  std::shared_ptr<Putting> awaits = nullptr;
  std::shared_ptr<Recording> replays = nullptr;
  std::int64_t put_ns = 0;
};

// Does one item, or kernels that lie directly behind one another; how many, 0 where it has to wait.
// The time is then that of their end. Not of one that replays.
[[nodiscard]] std::size_t done(const std::vector<const Item*>& items, std::int64_t& time_ns,
                               Queue& queue);

// What of each stream was recorded, of the first one that which began it.
struct Recording {
  struct Branch {
    Queue* queue = nullptr;
    std::vector<Item> items;
    std::size_t next = 0;  // of a replay
    std::int64_t time_ns = 0;
  };
  std::vector<Branch> branches;

  [[nodiscard]] std::vector<Item>& items_of(Queue* queue);
  // Whether the first branch has waited for the end of every other one.
  [[nodiscard]] bool joined() const;
  void rewind(std::int64_t time_ns);
  [[nodiscard]] bool ended() const;
  [[nodiscard]] bool go_on(const std::vector<Queue*>& order);
};

class Queue final : public simt::Queue {
 public:
  Queue(std::int32_t device, Settings& settings);
  ~Queue() override;
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  [[nodiscard]] std::int32_t device() const { return device_; }
  [[nodiscard]] bool records() const { return recording_ != nullptr; }

  void put(const simt::Kernel& kernel) override;
  void put_copy(std::function<void()> work);
  void put_mark(Marker& marker);
  // False where a recording would wait for what is not in it. Left out, the streams are a group
  // only.
  [[nodiscard]] bool follow(const Marker& marker, bool left_out);
  void replay(std::shared_ptr<Recording> recording) { add({.replays = std::move(recording)}); }

  void record();
  // Null where a stream of the recording was not waited for.
  [[nodiscard]] std::shared_ptr<Recording> seal();

  // Does all that it has.
  void finish();
  // Does what it has before the mark, and nothing behind it.
  void finish_until(const Putting& putting);
  // Does a kernel that has begun.
  void finish(simt::Begun& kernel, bool overlapped);
  // What it has not done.
  [[nodiscard]] std::int64_t left() const { return static_cast<std::int64_t>(items_.size()); }

 private:
  using Group = std::vector<Queue*>;

  void add(Item item);
  void join(Queue& other);
  // False where the next item cannot be done yet.
  [[nodiscard]] bool go_on(const Group& order);
  void go_on_with_group();
  [[nodiscard]] Group order() const;
  [[nodiscard]] bool is_late() const { return settings_.late_device == device_; }

  const std::int32_t device_;
  Settings& settings_;
  const std::uint64_t number_;
  std::deque<Item> items_;
  std::int64_t time_ns_ = 0;  // when what was done last ended
  bool replaying_ = false;
  std::shared_ptr<Group> group_;
  std::shared_ptr<Recording> recording_;
  std::set<std::string_view> launched_;  // kernels, by name
};

}  // namespace sb::cuda::emulated
