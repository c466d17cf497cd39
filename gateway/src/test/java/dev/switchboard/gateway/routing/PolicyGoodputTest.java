package dev.switchboard.gateway.routing;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.slo.Slo;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/**
 * Every policy over the same traffic, in virtual time, before machines that batch as ours do: the
 * share of requests that meet their targets, side by side.
 */
class PolicyGoodputTest {
  private static final long MS = 1_000_000L;
  private static final long SECOND = 1000 * MS;
  private static final int CHUNK_TOKENS = 512;
  private static final int CACHED_PREFIXES = 8;
  private static final int SEEDS = 2;
  private static final Slo INTERACTIVE = new Slo("interactive", 600, 60, 0, 50);
  private static final Slo BATCH = new Slo("batch", 0, 0, 0, -50);
  private static final String[] NAMES = {
    "slo", "least-loaded", "prefix-affinity", "power-of-two", "round-robin", "weighted"
  };

  private final PriorityQueue<Event> events = new PriorityQueue<>();
  private final List<Machine> machines = new ArrayList<>();
  private final Affinity affinity = new Affinity(RoutingConfig.DEFAULTS);
  private long now;
  private long sequence;
  private int met;
  private int judged;
  private final Peers peers = new Peers();

  private record Event(long at, long order, Runnable run) implements Comparable<Event> {
    @Override
    public int compareTo(Event other) {
      return at != other.at ? Long.compare(at, other.at) : Long.compare(order, other.order);
    }
  }

  private void at(long moment, Runnable run) {
    events.add(new Event(moment, sequence++, run));
  }

  /** A request on its way. */
  private final class Item {
    final Slo slo;
    final int prefix;
    final int outputs;
    final long born = now;
    final Workload.Job job;
    int prefill;
    int made;
    long firstNanos;

    Item(Slo slo, int prefix, int prefill, int outputs, Workload.Job job) {
      this.slo = slo;
      this.prefix = prefix;
      this.prefill = prefill;
      this.outputs = outputs;
      this.job = job;
    }

    void token() {
      made++;
      job.content(now);
      if (made == 1) {
        firstNanos = now;
      }
      if (made == outputs) {
        job.ended();
        if (slo.ttftMs() > 0) {
          double ttft = (firstNanos - born) / 1e6;
          double tpot = (now - firstNanos) / 1e6 / Math.max(1, outputs - 1);
          judged++;
          met += ttft <= slo.ttftMs() && tpot <= slo.tpotMs() ? 1 : 0;
        }
      }
    }
  }

  /** A worker: every step computes one token of each running request and a chunk of prompts. */
  private final class Machine {
    final String id = "w" + machines.size();
    final Workload workload = new Workload(peers);
    final Deque<Item> waiting = new ArrayDeque<>();
    final List<Item> running = new ArrayList<>();
    final Map<Integer, Boolean> cache =
        new LinkedHashMap<>(16, 0.75f, true) {
          @Override
          protected boolean removeEldestEntry(Map.Entry<Integer, Boolean> eldest) {
            return size() > CACHED_PREFIXES;
          }
        };
    double slower;
    boolean routable = true;
    boolean stepping;
    int inFlight;

    Machine(double slower) {
      this.slower = slower;
    }

    void take(Item item) {
      inFlight++;
      waiting.add(item);
      step();
    }

    void step() {
      if (stepping || (waiting.isEmpty() && running.isEmpty())) {
        return;
      }
      int budget = CHUNK_TOKENS;
      List<Item> done = new ArrayList<>();
      while (budget > 0 && !waiting.isEmpty() && running.size() + done.size() < 48) {
        Item head = waiting.peek();
        if (head.prefix > 0 && head.made == 0 && cache.containsKey(head.prefix)) {
          head.prefill = Math.min(head.prefill, 150);
        }
        int part = Math.min(budget, head.prefill);
        head.prefill -= part;
        budget -= part;
        if (head.prefill == 0) {
          done.add(waiting.remove());
          cache.put(head.prefix, true);
        }
      }
      double ms = slower * (6 + 0.35 * running.size() + 0.06 * (CHUNK_TOKENS - budget));
      stepping = true;
      at(now + (long) (ms * MS), () -> stepped(done));
    }

    private void stepped(List<Item> prefilled) {
      stepping = false;
      running.addAll(prefilled);
      for (Item item : List.copyOf(running)) {
        item.token();
        if (item.made == item.outputs) {
          running.remove(item);
          inFlight--;
        }
      }
      step();
    }

    ReplicaView view() {
      ReplicaView view =
          ReplicaView.of(id, "m").withInFlight(inFlight).withOwn(workload.snapshot(now));
      return routable ? view : view.withState("EJECTED");
    }
  }

  private static long[] chain(int prefix, long unique) {
    long[] chain = new long[40];
    for (int i = 0; i < chain.length; i++) {
      chain[i] = Scoring.mix(i < 38 && prefix > 0 ? prefix * 1000L + i : unique * 64 + i);
    }
    return chain;
  }

  private void arrive(RoutingPolicy policy, long turn, Slo slo, int prefix, Random random) {
    int prompt = prefix > 0 ? 40 * 64 + 50 : 100 + random.nextInt(900);
    int outputs = slo.equals(BATCH) ? 100 + random.nextInt(300) : 20 + random.nextInt(120);
    long[] hashes = prefix > 0 ? chain(prefix, turn) : new long[0];
    Affinity.Key key = new Affinity.Key(hashes, 64, "", null);
    RouteRequest request =
        affinity.enrich(
            RouteRequest.of("m").withTurn(turn).withSlo(slo, 0).withTokens(prompt, 1000), key);
    List<ReplicaView> views = machines.stream().map(Machine::view).toList();
    Decision decision = policy.route(views, request, now);
    Machine machine =
        machines.get(Integer.parseInt(String.valueOf(decision.chosen()).substring(1)));
    Workload.Job job =
        machine.workload.begin(
            Objects.requireNonNull(decision.winner()), request, (p, a, b) -> {}, now);
    affinity.sent("m", machine.id, key);
    machine.take(new Item(slo, prefix, prompt, outputs, job));
  }

  /** What a scenario asks for at each arrival. */
  private record Traffic(double perSecond, double batchShare, int prefixes, double burst) {}

  private static double run(
      String name,
      long seed,
      double[] speeds,
      Traffic traffic,
      Consumer<PolicyGoodputTest> events) {
    PolicyGoodputTest world = new PolicyGoodputTest();
    Random random = new Random(seed);
    for (double slower : speeds) {
      world.machines.add(world.new Machine(slower));
    }
    RoutingPolicy policy = Policies.of(name);
    world.now = SECOND;
    double moment = SECOND;
    long turn = 0;
    while (moment < 80 * SECOND) {
      double rate = traffic.perSecond;
      if (moment > 30 * SECOND && moment < 50 * SECOND) {
        rate *= traffic.burst;
      }
      moment += -Math.log(1 - random.nextDouble()) / rate * SECOND;
      long number = turn++;
      Slo slo = random.nextDouble() < traffic.batchShare ? BATCH : INTERACTIVE;
      int prefix =
          traffic.prefixes == 0
              ? 0
              : 1 + (int) (traffic.prefixes * Math.pow(random.nextDouble(), 2.5));
      world.at((long) moment, () -> world.arrive(policy, number, slo, prefix, random));
    }
    events.accept(world);
    while (!world.events.isEmpty()) {
      Event next = world.events.remove();
      world.now = next.at;
      next.run.run();
    }
    return (double) world.met / world.judged;
  }

  private static void compare(
      String scenario, double[] speeds, Traffic traffic, Consumer<PolicyGoodputTest> events) {
    double slo = 0;
    double best = 0;
    StringBuilder line = new StringBuilder(String.format("%-20s", scenario));
    for (String name : NAMES) {
      double sum = 0;
      for (int seed = 0; seed < SEEDS; seed++) {
        sum += run(name, seed, speeds, traffic, events) / SEEDS;
      }
      line.append(String.format(" %s %.3f", name, sum));
      slo = name.equals("slo") ? sum : slo;
      best = Math.max(best, sum);
    }
    if (Boolean.getBoolean("routing.print")) {
      System.out.println(line);
    }
    boolean won = slo >= best - 0.005;
    assertTrue(won, line::toString);
  }

  @Test
  void onMachinesThatAreAlike() {
    compare("alike", new double[] {1, 1, 1, 1}, new Traffic(53, 0, 0, 1), world -> {});
  }

  @Test
  void onFastAndSlowMachines() {
    compare("mixed", new double[] {1, 1, 2, 4}, new Traffic(33, 0, 0, 1), world -> {});
  }

  @Test
  void beforeAMachineThatBecomesSlow() {
    compare(
        "slow but alive",
        new double[] {1, 1, 1, 1},
        new Traffic(39, 0, 0, 1),
        world -> {
          world.at(30 * SECOND, () -> world.machines.get(1).slower = 10);
          world.at(60 * SECOND, () -> world.machines.get(1).slower = 1);
        });
  }

  @Test
  void withPromptsThatShareLongPrefixes() {
    compare("prefixes", new double[] {1, 1, 1, 1}, new Traffic(45, 0, 30, 1), world -> {});
  }

  @Test
  void withOneHotPrefix() {
    compare("hot prefix", new double[] {1, 1, 1, 1}, new Traffic(60, 0, 1, 1), world -> {});
  }

  @Test
  void withBatchWorkBetween() {
    compare("batch between", new double[] {1, 1, 2, 2}, new Traffic(25, 0.4, 0, 1), world -> {});
  }

  @Test
  void inABurst() {
    compare("burst", new double[] {1, 1, 2, 4}, new Traffic(24, 0, 0, 1.7), world -> {});
  }

  @Test
  void beforeAMachineThatComesAndGoes() {
    compare(
        "flapping",
        new double[] {1, 1, 1, 1},
        new Traffic(44, 0, 0, 1),
        world -> {
          for (int i = 10; i < 75; i += 8) {
            world.at(i * SECOND, () -> world.machines.get(2).routable = false);
            world.at((i + 3) * SECOND, () -> world.machines.get(2).routable = true);
          }
        });
  }
}
