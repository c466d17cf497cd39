package dev.switchboard.gateway.bench;

import dev.switchboard.bench.Samples;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Policies;
import dev.switchboard.gateway.routing.ReplicaView;
import dev.switchboard.gateway.routing.RouteRequest;
import dev.switchboard.gateway.routing.RoutingPolicy;
import dev.switchboard.gateway.routing.SharedCostModel;
import dev.switchboard.gateway.routing.Workload;
import dev.switchboard.gateway.slo.Slo;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;

/**
 * What it takes to decide where a request goes: a copy of what is known of each replica, and the
 * policy. Every replica runs streams and was learned from. Processor time of the thread is counted,
 * which others on the machine hardly disturb.
 */
final class DecisionCost {
  static final List<Integer> REPLICAS = List.of(4, 16, 64);

  private static final String MODEL = "m";
  private static final int STREAMS = 12;
  private static final int LESSON_TOKENS = 40;
  private static final int BATCH = 500;
  private static final long WARM_NANOS = 1_000_000_000L;
  private static final int BATCHES = 60;
  private static final long STEP_NANOS = 50_000_000L;

  private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();
  private final List<Workload> workloads = new ArrayList<>();
  private final RoutingPolicy policy;
  private final RouteRequest wanted =
      RouteRequest.of(MODEL)
          .withTokens(200, 100)
          .withSlo(new Slo("interactive", 2000, 120, 0, 0), 1);
  private long now = 1_000_000_000L;

  DecisionCost(String policy, int replicas) {
    this.policy = Policies.of(policy);
    SharedCostModel peers = new SharedCostModel();
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < replicas; i++) {
      Workload workload = new Workload(peers);
      workloads.add(workload);
      teach(workload, 1 + random.nextInt(STREAMS));
    }
  }

  private void teach(Workload workload, int streams) {
    List<Workload.Job> jobs = new ArrayList<>();
    for (int i = 0; i < streams; i++) {
      Decision.Candidate there =
          Objects.requireNonNull(policy.route(List.of(view(0, workload)), wanted, now).winner());
      jobs.add(workload.begin(there, wanted, true, (predicted, ttftMs, tpotMs) -> {}, now));
    }
    for (int token = 0; token < LESSON_TOKENS; token++) {
      now += STEP_NANOS;
      jobs.forEach(job -> job.content(now));
    }
  }

  private ReplicaView view(int number, Workload workload) {
    return ReplicaView.of("u" + number, MODEL).withOwn(workload.snapshot(now));
  }

  /** Microseconds of one decision, a sample for each batch. */
  Samples micros() {
    long warm = System.nanoTime() + WARM_NANOS;
    while (System.nanoTime() < warm) {
      batchMicros();
    }
    Samples samples = new Samples();
    for (int i = 0; i < BATCHES; i++) {
      samples.add(batchMicros());
    }
    return samples;
  }

  private double batchMicros() {
    long begun = threads.getCurrentThreadCpuTime();
    for (int i = 0; i < BATCH; i++) {
      decide(i);
    }
    return (threads.getCurrentThreadCpuTime() - begun) / 1e3 / BATCH;
  }

  private void decide(int turn) {
    List<ReplicaView> views = new ArrayList<>(workloads.size());
    for (int i = 0; i < workloads.size(); i++) {
      views.add(view(i, workloads.get(i)));
    }
    Decision decision = policy.route(views, wanted.withTurn(turn), now);
    // What nobody looks at the compiler may leave out.
    if (decision.chosen() == null) {
      throw new IllegalStateException("nobody was chosen");
    }
  }
}
