package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * What gateways are measured on: the generator (this process) and a worker that costs nothing share
 * one core, and what is measured has another. After each load on a gateway its metrics must agree
 * with what the clients saw.
 */
final class TestBed implements AutoCloseable {
  /** Between two tokens of a stream. */
  static final long INTERVAL_NANOS = 50_000_000;

  /** Of what comes as fast as it is answered. */
  static final int CONNECTIONS = 8;

  /** Of one kind of load while a server warms up. */
  private static final double WARM_SLICE_SECONDS = 4;

  /** A slice has gained by the compiler when it is so much cheaper than the best before. */
  private static final double GAIN = 0.95;

  /** So many turns through all loads in a row without a gain, and a server is warm. */
  private static final int STEADY_TURNS = 2;

  private static final String GENERATOR_CORE = "0";
  private static final int SETTLE_MS = 200;
  private static final int SETTLE_TIMES = 50;

  private final Path directory;
  private final int cores;
  private final boolean pinned;
  private final List<ServerProcess> helpers = new ArrayList<>();
  private final List<String> faults = new ArrayList<>();
  private final HttpClient client = HttpClient.newHttpClient();

  private TestBed(Path directory, int cores) {
    this.directory = directory;
    this.cores = cores;
    this.pinned = cores > 1 && pinSelf();
  }

  static TestBed open() throws IOException {
    // Asked before this process has one core only, which is then all that the answer counts.
    int cores = Runtime.getRuntime().availableProcessors();
    return new TestBed(Files.createTempDirectory("switchboard-bench"), cores);
  }

  /** Every thread of this process to the first core; the generator is one of them. */
  private static boolean pinSelf() {
    return pin(GENERATOR_CORE, ProcessHandle.current().pid());
  }

  private static boolean pin(String core, long pid) {
    try {
      Process taskset =
          new ProcessBuilder("taskset", "-acp", core, Long.toString(pid))
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      return taskset.waitFor(5, TimeUnit.SECONDS) && taskset.exitValue() == 0;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** The machine and who has which core. */
  String machine() {
    return cores
        + " cores, "
        + (pinned ? "generator and worker on one, the server on another" : "nothing pinned");
  }

  Path directory() {
    return directory;
  }

  /** Where a server may run that is not measured yet: this process has one core alone. */
  String everyCore() {
    return pinned ? "0-" + (cores - 1) : "";
  }

  /** Where what is measured runs. */
  String serverCore() {
    return pinned ? Integer.toString(cores - 1) : "";
  }

  /**
   * Starts the worker that costs nothing. It listens on a {@link #socket} as well.
   *
   * @return where it listens
   */
  InetSocketAddress worker() throws IOException {
    return helper(
            FakeWorker.class,
            "--interval-us",
            Long.toString(INTERVAL_NANOS / 1000),
            "--socket",
            socket().toString())
        .address();
  }

  /** Starts a collector in a good mood. */
  Helper collector() throws IOException {
    return helper(FakeCollector.class);
  }

  /** By which a gateway reaches the worker, as it does its own ones. */
  Path socket() {
    return directory.resolve("worker.sock");
  }

  /**
   * A program beside what is measured.
   *
   * @param address where it listens
   */
  record Helper(ServerProcess process, InetSocketAddress address) {}

  /** Starts a program that says {@code listening PORT}, on the generator's core. */
  private Helper helper(Class<?> program, String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-Xmx256m"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), program.getName()));
    command.addAll(List.of(arguments));
    Path log = directory.resolve("helper-" + helpers.size() + ".log");
    ServerProcess helper =
        ServerProcess.start(pinned ? GENERATOR_CORE : "", log, Map.of(), command);
    helpers.add(helper);
    String line = helper.await(said -> said.startsWith("listening "));
    int port = Integer.parseInt(line.substring(10));
    return new Helper(helper, new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
  }

  /**
   * Loads servers until their code is compiled: until none costs less than it did, or for as long
   * as it may take. They take turns and so have all had the same when it ends. They have all cores
   * meanwhile, or a compiler would wait for its own load, and from then on the one that is
   * measured. Compiled or not makes more of a difference than anything that is measured here.
   *
   * @param mostSeconds of each server
   */
  void warm(
      List<Target> targets, Collection<Workload> workloads, Workload.Plan plan, double mostSeconds)
      throws IOException {
    String names = String.join(", ", targets.stream().map(Target::name).toList());
    System.err.println(names + ": warming up");
    long end = System.nanoTime() + (long) (mostSeconds * targets.size() * 1e9);
    double slice = Math.min(WARM_SLICE_SECONDS, mostSeconds / workloads.size());
    Map<Target, Map<Workload, Double>> best = new HashMap<>();
    int steady = 0;
    while (steady < STEADY_TURNS && System.nanoTime() < end) {
      steady++;
      for (Target target : targets) {
        Map<Workload, Double> costs =
            best.computeIfAbsent(target, first -> new EnumMap<>(Workload.class));
        if (gains(target, workloads, plan.lasting(target.compiles() ? slice : 1), costs)) {
          steady = 0;
        }
      }
    }
    if (steady < STEADY_TURNS) {
      System.err.println(names + ": code is still being compiled");
    }
    if (pinned) {
      targets.stream()
          .filter(Target::compiles)
          .flatMap(target -> target.pids().stream())
          .forEach(pid -> pin(serverCore(), pid));
    }
  }

  /** Loads a server with each workload and says whether one of them cost less than ever before. */
  private static boolean gains(
      Target target, Collection<Workload> workloads, Workload.Plan plan, Map<Workload, Double> best)
      throws IOException {
    boolean gained = false;
    for (Workload workload : workloads) {
      double cost =
          Objects.requireNonNull(
              workload.run(target, new ClientLedger(), plan).values().get("cpu_us"));
      gained |= target.compiles() && cost < GAIN * best.getOrDefault(workload, Double.MAX_VALUE);
      best.merge(workload, cost, Math::min);
    }
    return gained;
  }

  /** Runs a workload; what clients saw must be what the gateway counted. */
  Workload.Outcome reconciled(Target target, Workload workload, Workload.Plan plan)
      throws IOException {
    MetricsText before = target.metrics(client);
    ClientLedger ledger = new ClientLedger();
    Workload.Outcome outcome = workload.run(target, ledger, plan);
    List<String> found = ledger.faults();
    if (before != null) {
      for (int i = 0; i < SETTLE_TIMES; i++) {
        found = ledger.compare(before, Objects.requireNonNull(target.metrics(client)));
        if (found.isEmpty()) {
          break;
        }
        Target.pause(SETTLE_MS);
      }
    }
    found.forEach(fault -> faults.add(target.name() + ", " + workload + ": " + fault));
    return outcome;
  }

  /** A scrape of a gateway. */
  MetricsText metrics(Target gateway) {
    return Objects.requireNonNull(gateway.metrics(client), "not a gateway");
  }

  /** Has a gateway tell so much of each request that begins from now on. */
  void traceLevel(Target gateway, int level) throws IOException {
    gateway.traceLevel(client, level);
  }

  /** Something that must not be. */
  void fault(String what) {
    faults.add(what);
  }

  /**
   * Tells what must not have been.
   *
   * @return the process's exit status
   */
  int status() {
    faults.forEach(fault -> System.err.println("FAULT " + fault));
    return faults.isEmpty() ? 0 : 1;
  }

  @Override
  public void close() {
    helpers.forEach(ServerProcess::close);
    client.close();
    if (faults.isEmpty()) {
      delete(directory);
    } else {
      System.err.println("The servers' logs are kept in " + directory);
    }
  }

  /** Deletes a folder and all that is in it. */
  static void delete(Path directory) {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
