package dev.switchboard.gateway.bench;

import dev.switchboard.bench.Samples;
import dev.switchboard.gateway.admin.ReplicaPage;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.telemetry.Metrics;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * What a page of a large fleet takes: bytes, processor time, and how late it makes the event loop
 * that asked for it.
 */
@Command(
    name = "bench fleet",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures pages of the admin API's list of replicas over a scripted fleet: bytes,",
      "processor time and the longest stall of the event loop meanwhile.",
      "Ends with 1 where a page has more than 200 000 bytes or takes more than 50 ms of a",
      "core, or a turn of the event loop takes more than 5 ms of it in the median round.",
      "Then the same through a gateway process before so many scripted workers, whose",
      "states it reads meanwhile: what a page takes beyond the gateway's rest, and how",
      "many turns of its event loops were more than 5 ms late.",
      "How late its timer came is shown beside: other work on the machine is in that."
    })
public final class FleetPageBench implements Callable<Integer> {
  private static final int MOST_BYTES = 200_000;
  private static final double MOST_CPU_MS = 50;
  private static final double MOST_STALL_MS = 5;
  private static final int ROUND = 20;

  @Option(names = "--replicas", defaultValue = "500", description = "Replicas of the fleet.")
  private int replicas;

  @Option(names = "--ranks", defaultValue = "64", description = "Ranks of each.")
  private int ranks;

  @Option(names = "--rounds", defaultValue = "20", description = "Of twenty pages each.")
  private int rounds;

  private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();

  private FleetPageBench() {}

  public static void main(String[] arguments) {
    int status = new CommandLine(new FleetPageBench()).execute(arguments);
    System.exit(status);
  }

  @Override
  public Integer call() throws Exception {
    Vertx vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(1));
    Fleet fleet = new ScriptedFleet(replicas, ranks, 2, FleetPageBench::now).fleet();
    ReplicaPage page =
        ReplicaPage.over(new Metrics("m"::equals, "bench", false).blame(), FleetPageBench::now);
    System.out.printf("%d replicas x %d ranks, 2 stragglers each%n%n", replicas, ranks);
    System.out.println(
        "| form | bytes | ms of a core p50 | p99 | longest turn, ms of the loop p50 | worst | late"
            + " ms p50 |");
    System.out.println("|---|---|---|---|---|---|---|");
    boolean good =
        measured(vertx, fleet, page, new ReplicaPage.Wanted(1000, null, null, null, true));
    good &= measured(vertx, fleet, page, new ReplicaPage.Wanted(1000, null, null, null, false));
    vertx.close().toCompletionStage().toCompletableFuture().join();
    try (FleetGateway gateway = new FleetGateway(replicas, ranks)) {
      good &= gateway.measured(System.out, MOST_BYTES, MOST_CPU_MS);
    }
    return good ? 0 : 1;
  }

  private boolean measured(Vertx vertx, Fleet fleet, ReplicaPage page, ReplicaPage.Wanted wanted)
      throws Exception {
    Samples cpu = new Samples();
    Samples turns = new Samples();
    Samples late = new Samples();
    int bytes = 0;
    for (int i = 0; i < rounds + 3; i++) {
      boolean warm = i >= 3;
      AtomicLong turn = new AtomicLong();
      AtomicLong stall = new AtomicLong();
      long timer = watch(vertx, turn, stall);
      for (int j = 0; j < ROUND; j++) {
        Made made = made(vertx, fleet, page, wanted);
        bytes = Math.max(bytes, made.bytes);
        if (warm) {
          cpu.add(made.cpuMs);
        }
      }
      vertx.cancelTimer(timer);
      if (warm) {
        turns.add(turn.get() / 1e6);
        late.add(stall.get() / 1e6);
      }
    }
    double median = turns.median();
    System.out.printf(
        "| %s | %d | %.2f | %.2f | %.2f | %.2f | %.2f |%n",
        wanted.summary() ? "summary" : "full",
        bytes,
        cpu.median(),
        at(cpu, 0.99),
        median,
        at(turns, 1),
        late.median());
    return bytes <= MOST_BYTES && at(cpu, 0.99) <= MOST_CPU_MS && median <= MOST_STALL_MS;
  }

  static double at(Samples samples, double share) {
    double[] sorted = samples.values();
    Arrays.sort(sorted);
    return sorted[(int) Math.ceil(share * (sorted.length - 1))];
  }

  /** Between two ticks: the loop's own processor time at most, and how late they came. */
  private long watch(Vertx vertx, AtomicLong turn, AtomicLong late) {
    AtomicLong cpu = new AtomicLong();
    AtomicLong last = new AtomicLong(System.nanoTime());
    return vertx.setPeriodic(
        1,
        tick -> {
          long now = System.nanoTime();
          long own = threads.getCurrentThreadCpuTime();
          long before = cpu.getAndSet(own);
          turn.accumulateAndGet(before == 0 ? 0 : own - before, Math::max);
          late.accumulateAndGet(now - last.getAndSet(now) - 1_000_000, Math::max);
        });
  }

  private record Made(int bytes, double cpuMs) {}

  /** As the route makes it: asked on the event loop, made beside it, written there. */
  private Made made(Vertx vertx, Fleet fleet, ReplicaPage page, ReplicaPage.Wanted wanted)
      throws Exception {
    CompletableFuture<Made> done = new CompletableFuture<>();
    vertx.runOnContext(
        now ->
            vertx
                .executeBlocking(() -> timed(fleet, page, wanted), false)
                .onSuccess(done::complete)
                .onFailure(done::completeExceptionally));
    return done.get();
  }

  private Made timed(Fleet fleet, ReplicaPage page, ReplicaPage.Wanted wanted) {
    long begun = threads.getCurrentThreadCpuTime();
    Buffer told = page.of(fleet.replicas(), wanted);
    return new Made(told.length(), (threads.getCurrentThreadCpuTime() - begun) / 1e6);
  }

  private static long now() {
    return System.currentTimeMillis() * 1_000_000;
  }
}
