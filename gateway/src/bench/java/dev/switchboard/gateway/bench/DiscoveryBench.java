package dev.switchboard.gateway.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.discovery.EndpointReconciler;
import dev.switchboard.gateway.discovery.KubernetesConfig;
import dev.switchboard.gateway.discovery.ModelSource;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.FleetPlan;
import dev.switchboard.gateway.fleet.UpstreamAccess;
import dev.switchboard.gateway.fleet.WorkersConfig;
import dev.switchboard.gateway.kubernetes.Cluster;
import dev.switchboard.gateway.kubernetes.KubernetesDiscovery;
import dev.switchboard.gateway.upstream.Circuit;
import dev.switchboard.timers.VertxTimers;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.net.URI;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What it takes of a core to follow a large Service whose endpoints keep changing. */
@Command(
    name = "bench discovery",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures what following the endpoints of a Service on Kubernetes takes of a core, over a",
      "scripted API server: watching, reading, and putting in force. Each change comes as its"
          + " whole",
      "slice of a hundred endpoints: every second one replaces a pod, the others turn readiness.",
      "Ends with 1 above 2 %% of a core."
    })
public final class DiscoveryBench implements Callable<Integer> {
  private static final double MOST_RATIO = 0.02;
  private static final int SLICE = 100;
  private static final int PORT = 8000;
  private static final String SERVICE = "workers";

  @Option(names = "--endpoints", defaultValue = "1000", description = "Of the service.")
  private int endpoints;

  @Option(names = "--changes", defaultValue = "50", description = "Each second.")
  private int changes;

  @Option(names = "--warm-seconds", defaultValue = "120", description = "Before it is measured.")
  private int warmSeconds;

  @Option(names = "--seconds", defaultValue = "30", description = "That are measured.")
  private int seconds;

  private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();
  private final Random random = new Random(1);
  private int pods;
  private String[] names = {};
  private boolean[] ready = {};

  private DiscoveryBench() {}

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new DiscoveryBench()).execute(arguments));
  }

  @Override
  public Integer call() throws Exception {
    names = new String[endpoints];
    ready = new boolean[endpoints];
    Arrays.setAll(names, i -> "pod-" + pods++);
    Arrays.fill(ready, true);
    try (FakeKubernetes kubernetes = new FakeKubernetes()) {
      for (int slice = 0; slice * SLICE < endpoints; slice++) {
        tell(kubernetes, slice);
      }
      Fleet fleet = new ScriptedFleet(0, 0, 0, DiscoveryBench::now).fleet();
      Set<Long> others = new HashSet<>(ids());
      Vertx vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(1));
      KubernetesDiscovery discovery = discovery(vertx, kubernetes, fleet);
      discovery.start();
      double used = measured(kubernetes, others);
      System.out.println("| endpoints | changes/s | replicas | share of a core, percent |");
      System.out.println("|---|---|---|---|");
      System.out.printf(
          "| %d | %d | %d | %.2f |%n", endpoints, changes, fleet.replicas().size(), 100 * used);
      discovery.close();
      vertx.close().toCompletionStage().toCompletableFuture().join();
      fleet.close();
      return used <= MOST_RATIO ? 0 : 1;
    }
  }

  /** The log costs what it costs, but ten thousand lines of it say nothing here. */
  private double measured(FakeKubernetes kubernetes, Set<Long> others) throws InterruptedException {
    PrintStream shown = System.err;
    System.setErr(new PrintStream(OutputStream.nullOutputStream(), false, UTF_8));
    try {
      turn(kubernetes, warmSeconds);
      double before = seconds(others);
      turn(kubernetes, seconds);
      return (seconds(others) - before) / seconds;
    } finally {
      System.setErr(shown);
    }
  }

  private static long now() {
    return System.currentTimeMillis() * 1_000_000;
  }

  private KubernetesDiscovery discovery(Vertx vertx, FakeKubernetes kubernetes, Fleet fleet) {
    ModelSource model =
        new ModelSource(
            "m", null, SERVICE, null, null, PORT, null, null, null, null, null, null, null, null,
            null, null, null, null, null, null);
    KubernetesConfig usual = KubernetesConfig.DEFAULTS;
    KubernetesConfig config =
        new KubernetesConfig(
            "default",
            kubernetes.url().toString(),
            Path.of("none"),
            Path.of("none"),
            usual.podSelector(),
            usual.drainGraceMs(),
            usual.unreadyMs(),
            usual.idleMs(),
            usual.resyncSeconds(),
            usual.deletionCostSeconds(),
            List.of(model));
    UpstreamAccess access =
        UpstreamAccess.of(model.spec(URI.create("http://pod")), "m", "models.0", Instant.EPOCH);
    FleetPlan empty =
        FleetPlan.of(
            WorkersConfig.DEFAULTS, Circuit.Config.DEFAULTS, List.of(), List.of(), Instant.EPOCH);
    return new KubernetesDiscovery(
        vertx,
        new VertxTimers(vertx),
        new KubernetesDiscovery.Wanted(
            config,
            new Cluster(kubernetes.url(), "default"),
            List.of(new EndpointReconciler.Source(model, "default", access))),
        found -> fleet.reconfigure(empty.withFound(Set.of("m"), found)),
        fleet::replicas,
        DiscoveryBench::now,
        random::nextDouble);
  }

  private void tell(FakeKubernetes kubernetes, int number) {
    ObjectNode slice = KubernetesObjects.slice("slice-" + number, SERVICE, PORT);
    for (int i = number * SLICE; i < Math.min(endpoints, (number + 1) * SLICE); i++) {
      String address = "10.1." + i / 250 + "." + (1 + i % 250);
      KubernetesObjects.endpoint(slice, names[i], address, ready[i] ? "ready" : "unready");
    }
    kubernetes.put(KubernetesObjects.SLICES, slice);
  }

  private void turn(FakeKubernetes kubernetes, int forSeconds) throws InterruptedException {
    long begin = System.nanoTime();
    for (int i = 0; i < changes * forSeconds; i++) {
      int one = random.nextInt(endpoints);
      if (i % 2 == 0) {
        names[one] = "pod-" + pods++;
        ready[one] = true;
      } else {
        ready[one] = !ready[one];
      }
      tell(kubernetes, one / SLICE);
      long due = begin + (i + 1) * 1_000_000_000L / changes;
      long waitMs = (due - System.nanoTime()) / 1_000_000;
      if (waitMs > 0) {
        Thread.sleep(waitMs);
      }
    }
  }

  private List<Long> ids() {
    return Arrays.stream(threads.getAllThreadIds()).boxed().toList();
  }

  /** Of all threads that came after these. */
  private double seconds(Set<Long> others) {
    return ids().stream()
            .filter(id -> !others.contains(id))
            .mapToLong(threads::getThreadCpuTime)
            .filter(nanos -> nanos > 0)
            .sum()
        / 1e9;
  }
}
