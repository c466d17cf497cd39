package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * What the gateway adds to a worker that answers at once, beside other gateways.
 *
 * <p>The generator (this process) and the worker share one core, and whatever is measured has
 * another; all of them run from the first round to the last and are loaded in turns, so that what
 * the machine does meanwhile falls on all alike. After each load on our gateway its metrics must
 * agree with what the clients saw, to the request.
 */
@Command(
    name = "bench gateway",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures what the gateway adds to a worker that answers at once: latency at 500",
      "requests a second, requests a second on 8 connections, gaps between the tokens of",
      "many streams, and processor time. Medians over rounds; '+' is above the direct way."
    })
public final class GatewayBench implements Callable<Integer> {
  /** Whether our gateway is measured under the agent. */
  enum AgentUse {
    WITHOUT,
    WITH,
    BOTH
  }

  private static final long INTERVAL_NANOS = 50_000_000;
  private static final int CONNECTIONS = 8;
  private static final int SETTLE_MS = 200;
  private static final int SETTLE_TIMES = 50;

  @Option(
      names = "--preset",
      defaultValue = "STANDARD",
      description = {
        "how much where no option says (standard);",
        "quick: one short round, 100 streams; standard: three rounds, 1000 streams"
      })
  private Preset preset = Preset.STANDARD;

  @Option(names = "--rounds", description = "rounds, medians are shown (the preset's)")
  private @Nullable Integer rounds;

  @Option(names = "--seconds", description = "of each measurement (the preset's)")
  private @Nullable Integer seconds;

  @Option(
      names = "--warm-seconds",
      description = "of load on each server before the first round (the preset's)")
  private @Nullable Integer warmSeconds;

  @Option(names = "--streams", description = "streams side by side (the preset's)")
  private @Nullable Integer streams;

  @Option(
      names = "--rate",
      defaultValue = "500",
      description = "requests a second where latency is measured (500)")
  private int rate;

  @Option(
      names = "--only",
      split = ",",
      description = "measures only these: ${COMPLETION-CANDIDATES}")
  private Set<Workload> only = EnumSet.noneOf(Workload.class);

  @Option(
      names = "--agent",
      defaultValue = "BOTH",
      description = {
        "with the OpenTelemetry agent of up, whose spans are made and not exported:",
        "${COMPLETION-CANDIDATES} (both)"
      })
  private AgentUse agent = AgentUse.BOTH;

  @Option(names = "--nginx", paramLabel = "FILE", description = "also nginx, as a plain proxy")
  private @Nullable Path nginx;

  @Option(
      names = "--portkey",
      paramLabel = "DIRECTORY",
      description = "also Portkey's gateway: the installed npm package @portkey-ai/gateway")
  private @Nullable Path portkey;

  @Option(names = "--java-option", description = "of the gateways' JVMs; repeatable")
  private List<String> javaOptions = new ArrayList<>();

  @Option(names = "--json", paramLabel = "FILE", description = "writes every sample there")
  private @Nullable Path json;

  @Spec private @Nullable CommandSpec spec;

  private final List<Target> targets = new ArrayList<>();
  private final List<String> faults = new ArrayList<>();
  private final HttpClient client = HttpClient.newHttpClient();

  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }

  static CommandLine commandLine() {
    return new CommandLine(new GatewayBench()).setCaseInsensitiveEnumValuesAllowed(true);
  }

  @Override
  public Integer call() throws IOException {
    check();
    int cores = Runtime.getRuntime().availableProcessors();
    boolean pinned = cores > 1 && pinSelf();
    Path directory = Files.createTempDirectory("switchboard-bench");
    try (ServerProcess worker = worker(directory, pinned ? 0 : -1)) {
      int port =
          Integer.parseInt(worker.await(line -> line.startsWith("listening ")).substring(10));
      start(
          directory,
          pinned ? cores - 1 : -1,
          new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
      GatewayReport report = new GatewayReport(machine(cores, pinned));
      measure(report);
      report.print(System.out);
      if (json != null) {
        report.write(json);
      }
    } finally {
      targets.forEach(Target::close);
      delete(directory);
    }
    faults.forEach(fault -> System.err.println("FAULT " + fault));
    return faults.isEmpty() ? 0 : 1;
  }

  private void check() {
    requireFile("--agent", agent == AgentUse.WITHOUT ? null : agentJar());
    requireFile("--nginx", nginx);
    requireFile("--portkey", portkey == null ? null : portkey.resolve("build/start-server.js"));
    requirePositive("--rounds", rounds);
    requirePositive("--seconds", seconds);
    requirePositive("--warm-seconds", warmSeconds);
    requirePositive("--streams", streams);
    requirePositive("--rate", rate);
  }

  /** Where the build puts it. */
  private static Path agentJar() {
    return Path.of(System.getProperty("switchboard.home", "."))
        .resolve("gateway/target/agent/opentelemetry-javaagent.jar")
        .toAbsolutePath();
  }

  private void requireFile(String option, @Nullable Path file) {
    if (file != null && !Files.isReadable(file)) {
      throw wrong(option + ": cannot read " + file);
    }
  }

  private void requirePositive(String option, @Nullable Integer value) {
    if (value != null && value < 1) {
      throw wrong(option + " must be at least 1");
    }
  }

  /** Ends the command with this line and its usage. */
  private CommandLine.ParameterException wrong(String message) {
    return new CommandLine.ParameterException(Objects.requireNonNull(spec).commandLine(), message);
  }

  /** Every thread of this process to the first core; the generator is one of them. */
  private static boolean pinSelf() {
    try {
      Process taskset =
          new ProcessBuilder("taskset", "-acp", "0", Long.toString(ProcessHandle.current().pid()))
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

  private static ServerProcess worker(Path directory, int core) throws IOException {
    return ServerProcess.start(
        core,
        directory.resolve("worker.log"),
        Map.of(),
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:+UseSerialGC",
            "-Xmx256m",
            "-cp",
            System.getProperty("java.class.path"),
            FakeWorker.class.getName(),
            "--interval-us",
            Long.toString(INTERVAL_NANOS / 1000)));
  }

  private void start(Path directory, int core, InetSocketAddress worker) throws IOException {
    targets.add(Target.direct(worker));
    if (agent != AgentUse.WITH) {
      targets.add(Target.gateway(directory, core, worker, null, javaOptions));
    }
    if (agent != AgentUse.WITHOUT) {
      targets.add(Target.gateway(directory, core, worker, agentJar(), javaOptions));
    }
    if (nginx != null) {
      targets.add(Target.nginx(directory, core, worker, nginx));
    }
    if (portkey != null) {
      targets.add(Target.portkey(directory, core, worker, portkey));
    }
  }

  private String machine(int cores, boolean pinned) {
    return String.format(
        Locale.ROOT,
        "%d cores, %s; %d round(s) of %d s, %d requests/s, %d streams x 20 tokens/s",
        cores,
        pinned ? "generator and worker on one, the server on another" : "nothing pinned",
        times(),
        duration(),
        rate,
        plan().streams());
  }

  private int times() {
    return rounds == null ? preset.rounds : rounds;
  }

  private int duration() {
    return seconds == null ? preset.seconds : seconds;
  }

  private int warming() {
    return warmSeconds == null ? preset.warmSeconds : warmSeconds;
  }

  private Workload.Plan plan() {
    return new Workload.Plan(
        rate, duration(), CONNECTIONS, streams == null ? preset.streams : streams, INTERVAL_NANOS);
  }

  private void measure(GatewayReport report) throws IOException {
    Set<Workload> wanted = only.isEmpty() ? EnumSet.allOf(Workload.class) : only;
    for (Target target : targets) {
      System.err.println(target.name() + ": warming up");
      warm(target, wanted);
    }
    for (int round = 1; round <= times(); round++) {
      for (Workload workload : wanted) {
        for (Target target : targets) {
          System.err.printf(
              "round %d of %d: %s, %s%n",
              round, times(), workload.name().toLowerCase(Locale.ROOT), target.name());
          report.add(target.name(), workload, reconciled(target, workload, plan()));
        }
      }
    }
  }

  private void warm(Target target, Set<Workload> wanted) throws IOException {
    double each = target.compiles() ? Math.max(1, (double) warming() / wanted.size()) : 1;
    Workload.Plan plan =
        new Workload.Plan(rate, each, CONNECTIONS, plan().streams(), INTERVAL_NANOS);
    for (Workload workload : wanted) {
      workload.run(target, new ClientLedger(), plan);
    }
  }

  /** Runs a workload; what clients saw must be what the gateway counted. */
  private Map<String, Double> reconciled(Target target, Workload workload, Workload.Plan plan)
      throws IOException {
    MetricsText before = target.metrics(client);
    ClientLedger ledger = new ClientLedger();
    Map<String, Double> values = workload.run(target, ledger, plan);
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
    return values;
  }

  private static void delete(Path directory) {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
