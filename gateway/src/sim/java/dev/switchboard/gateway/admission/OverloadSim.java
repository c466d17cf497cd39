package dev.switchboard.gateway.admission;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.PriorityQueue;
import java.util.Random;

/**
 * The queue before two replicas in virtual time: serial prefill, a step time that rises with the
 * batch, rows, and a queue of their own, by priority, beyond these. Only the queue decides who
 * runs.
 */
final class OverloadSim {
  static final long SECOND = 1_000_000_000L;
  static final long MS = 1_000_000L;
  private static final int ROWS = 16;
  private static final long PREFILL = 15 * MS;
  static final int OUTPUT = 50;

  /** Answers per second of both replicas with all rows taken. */
  static final double CAPACITY = 2 * ROWS / (0.015 + OUTPUT * 0.02);

  private final PriorityQueue<Event> events =
      new PriorityQueue<>(Comparator.comparingLong(Event::at).thenComparingLong(Event::order));
  private final Map<AdmissionQueue.Entry, Job> waiting = new HashMap<>();
  private final List<Replica> replicas = List.of(new Replica("r0"), new Replica("r1"));
  final Map<String, Long> servedTokens = new HashMap<>();
  final Map<String, Integer> served = new HashMap<>();
  final Map<String, Integer> offers = new HashMap<>();
  private final List<Long> goodAt = new ArrayList<>();
  private final Map<Band, List<Long>> ttfts = new EnumMap<>(Band.class);
  final AdmissionQueue queue;
  private final Random random;
  private final long ttftTarget;
  long now;
  private long order;
  int refused;
  int offered;

  OverloadSim(long seed, long ttftTarget) {
    this.ttftTarget = ttftTarget;
    random = new Random(seed);
    queue =
        new AdmissionQueue(
            AdmissionConfig.DEFAULTS, (demand, at) -> WaitPredictor.UNKNOWN, random::nextDouble);
    replicas.forEach(replica -> queue.replica(replica.name, true, 0));
  }

  private record Event(long at, long order, Runnable action) {}

  private record Job(Demand demand, AdmissionQueue.Entry entry, long arrived) {}

  private final class Replica {
    private final String name;
    private final PriorityQueue<Job> line =
        new PriorityQueue<>(
            Comparator.comparing((Job job) -> job.demand.band())
                .thenComparingLong(job -> job.arrived));
    private long prefillFree;
    private int running;
    private int present;

    Replica(String name) {
      this.name = name;
    }

    void take(Job job) {
      present++;
      queue.routed(job.entry, name, now);
      line.add(job);
      begin();
    }

    private void begin() {
      while (running < ROWS && !line.isEmpty()) {
        Job job = line.remove();
        running++;
        prefillFree = Math.max(now, prefillFree) + PREFILL;
        at(prefillFree, () -> first(job));
      }
    }

    private void first(Job job) {
      queue.firstToken(job.entry, now);
      long ttft = now - job.arrived;
      ttfts.computeIfAbsent(job.demand.band(), band -> new ArrayList<>()).add(ttft);
      if (ttft <= ttftTarget) {
        goodAt.add(now);
      }
      long step = 10 * MS * (ROWS + running) / ROWS;
      int tokens = OUTPUT / 2 + random.nextInt(OUTPUT);
      at(now + tokens * step, () -> end(job, tokens));
    }

    private void end(Job job, int tokens) {
      running--;
      present--;
      begin();
      served.merge(job.demand.tenant(), 1, Integer::sum);
      servedTokens.merge(job.demand.tenant(), 100L + tokens, Long::sum);
      queue.finished(job.entry, 100L + tokens, now);
    }
  }

  private void at(long when, Runnable action) {
    events.add(new Event(when, order++, action));
  }

  private final AdmissionQueue.Listener listener =
      new AdmissionQueue.Listener() {
        @Override
        public void dispatched(AdmissionQueue.Entry entry, long nowNanos) {
          serve(Objects.requireNonNull(waiting.remove(entry), "it did not wait"));
        }

        @Override
        public void refused(AdmissionQueue.Entry entry, Refusal refusal) {
          waiting.remove(entry);
          refused++;
        }
      };

  private void serve(Job job) {
    replicas.stream().min(Comparator.comparingInt(r -> r.present)).orElseThrow().take(job);
  }

  void offer(String tenant, Band band, long target) {
    offered++;
    offers.merge(tenant, 1, Integer::sum);
    long wanted = target == Long.MAX_VALUE ? target : now + target;
    Demand demand = new Demand(tenant, 1, band, wanted, Long.MAX_VALUE, 100, OUTPUT, 400);
    switch (queue.offer(demand, listener, now)) {
      case Verdict.Running(AdmissionQueue.Entry entry) -> serve(new Job(demand, entry, now));
      case Verdict.Waiting(AdmissionQueue.Entry entry, int _) ->
          waiting.put(entry, new Job(demand, entry, now));
      case Refusal _ -> refused++;
    }
  }

  /** Arrivals at random with a rate per second, until a time. */
  void arrivals(double rate, long from, long until, Runnable offer) {
    at(
        from + (long) (-Math.log(1 - random.nextDouble()) / rate * SECOND),
        () -> arrive(rate, until, offer));
  }

  private void arrive(double rate, long until, Runnable offer) {
    if (now < until) {
      offer.run();
      arrivals(rate, now, until, offer);
    }
  }

  void run(long until) {
    for (long tick = now + 10 * MS; tick <= until; tick += 10 * MS) {
      at(tick, () -> queue.tick(now));
    }
    while (!events.isEmpty() && events.peek().at <= until) {
      Event event = events.remove();
      now = event.at;
      event.action.run();
    }
    now = until;
  }

  double goodput(long from, long until) {
    return goodAt.stream().filter(t -> t >= from && t < until).count() / ((until - from) / 1e9);
  }

  long ttft(Band band, double quantile) {
    List<Long> times = ttfts.getOrDefault(band, List.of()).stream().sorted().toList();
    return times.isEmpty() ? 0 : times.get((int) (times.size() * quantile));
  }
}
