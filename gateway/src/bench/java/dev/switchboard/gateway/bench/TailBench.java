package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * What it costs a gateway that requests are followed and listed. One gateway is loaded in short
 * turns, with and without listeners to its tail and lists by filters once a second. Two turns that
 * follow each other are compared, the next two in the other order: what the machine does for longer
 * than a turn is in both.
 *
 * <p>Requests a second are lost by the processor time that watching takes of the gateway's core, so
 * that is judged at the rate that was asked for. As many requests as there can be show the same
 * with more to tell, and are shown only: there the generator's own reading counts too.
 */
@Command(
    name = "bench tail",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures what listeners to the requests that end, and lists of them by filters,",
      "cost a gateway at 500 requests a second, and on 8 connections that ask as fast as",
      "they are answered. Short turns with and without in pairs; the median of the",
      "differences is shown, and between which it lies in 95 of 100 runs. Ends with 1 where",
      "at 500 a second it takes more than 2 %% of the gateway's core or makes the p99 later",
      "by more than 5 %% and 50 us, or where the machine is too noisy to tell."
    })
public final class TailBench implements Callable<Integer> {
  private static final String BASE = "/admin/v1/requests";

  /** Of the listeners, in turn: all, and such as a console's. */
  private static final List<String> FILTERS =
      List.of("", "?sample=0.1", "?slo=missed", "?model=m&min_ms=1", "?outcome=ok&replica=u0");

  /**
   * In turn, a second each: what a console asks for, and what nothing is, for which all is read.
   */
  private static final List<List<String>> LISTS =
      List.of(
          List.of("?limit=100", "?slo=missed&limit=100", "?min_ms=1000&limit=100", "?running=true"),
          List.of("?tenant=none", "?class=none", "?replica=none", "?trace_id=none&waited_for=9.9"));

  /** So many requests that a list has much to read. */
  private static final String RECORDER = "flight: {max-requests: 50000, max-bytes: 134217728}\n";

  private static final String DROPPED = "switchboard_request_tail_dropped_total";

  /** Of the requests of a turn that the first listener must have been told. */
  private static final double LEAST_TOLD = 0.95;

  private static final List<String> VALUES = List.of("p50_us", "p99_us", "per_second", "cpu_us");

  /** What watching may take of the gateway's core, and so of its requests. */
  private static final double MOST_CORE = 0.02;

  private static final double MOST_LATER = 0.05;
  private static final double MOST_LATER_US = 50;

  /** Of a round, of each workload. */
  private static final int PAIRS = 5;

  private static final double TURN_SECONDS = 3;

  /** Before each turn, so that connections are open and what the turn before left is done. */
  private static final double LEAD_SECONDS = 0.5;

  @Mixin private Amount amount = new Amount();

  @Option(names = "--listeners", defaultValue = "8", description = "to the tail (8)")
  private int listeners;

  @Option(
      names = "--judged-only",
      description = "leaves out the 8 connections, which are shown only: more pairs in that time")
  private boolean judgedOnly;

  private final Map<Workload, List<Pair>> pairs = new EnumMap<>(Workload.class);

  /** Two turns that followed each other, without and with somebody who watches. */
  private record Pair(Map<String, Double> unwatched, Map<String, Double> watched) {
    double without(String value) {
      return of(unwatched, value);
    }

    double with(String value) {
      return of(watched, value);
    }

    /** {@code core} is the share of one that the gateway took. */
    private static double of(Map<String, Double> values, String value) {
      return value.equals("core")
          ? of(values, "cpu_us") * of(values, "per_second") / 1e6
          : values.getOrDefault(value, Double.NaN);
    }
  }

  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }

  static CommandLine commandLine() {
    return new CommandLine(new TailBench()).setCaseInsensitiveEnumValuesAllowed(true);
  }

  /**
   * Whoever watches; all of them leave with it. They share a core with the generator, which would
   * take their reading for the gateway's lateness: they read when nobody else wants that core.
   * Where the generator runs at real-time priority beside other work, they go before that work.
   */
  private static final class Watchers implements AutoCloseable {
    /** In /proc/self/stat, behind the process's name. */
    private static final int POLICY = 38;

    private static final Set<String> REAL_TIME = Set.of("1", "2");

    private final List<Process> readers = new ArrayList<>();
    private final String policy = realTime() ? "--other" : "--idle";

    private static boolean realTime() {
      try {
        String stat = Files.readString(Path.of("/proc/self/stat"));
        return REAL_TIME.contains(stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[POLICY]);
      } catch (IOException e) {
        return false;
      }
    }

    /**
     * @param listeners none for nobody who watches at all
     * @param told where what the first of them is told goes
     */
    Watchers(URI admin, int listeners, Path told) throws IOException {
      for (int i = 0; i < listeners; i++) {
        String tail = "/tail" + FILTERS.get(i % FILTERS.size());
        begin("exec " + reading(admin, List.of(tail), i == 0 ? told.toString() : "/dev/null"));
      }
      if (listeners > 0) {
        String turns =
            LISTS.stream()
                .map(paths -> reading(admin, paths, "/dev/null") + " && sleep 1")
                .collect(Collectors.joining(" && "));
        begin("while " + turns + "; do :; done");
      }
    }

    private static String reading(URI admin, List<String> paths, String to) {
      return paths.stream()
          .map(path -> " -o " + to + " '" + admin.resolve(BASE + path) + "'")
          .collect(Collectors.joining("", "curl -sfN", ""));
    }

    private void begin(String script) throws IOException {
      readers.add(
          new ProcessBuilder("chrt", policy, "0", "sh", "-c", script)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start());
    }

    @Override
    public void close() throws IOException {
      boolean whole = readers.stream().allMatch(Process::isAlive);
      for (Process reader : readers) {
        reader.descendants().forEach(ProcessHandle::destroy);
        reader.destroy();
      }
      if (!whole) {
        throw new IOException("who watches could not read on");
      }
    }
  }

  private List<Workload> workloads() {
    return judgedOnly ? List.of(Workload.LATENCY) : List.of(Workload.LATENCY, Workload.CLOSED);
  }

  @Override
  public Integer call() throws IOException {
    amount.check();
    try (TestBed bed = TestBed.open();
        Target gateway =
            Target.gateway(
                bed,
                bed.worker(),
                new Target.Setup(
                    "gateway",
                    false,
                    List.of(),
                    true,
                    amount.preset().warmUpRequests,
                    Target.Setup.ALL + RECORDER))) {
      try (Watchers _ = new Watchers(admin(gateway), listeners, told(bed))) {
        bed.warm(List.of(gateway), workloads(), amount.plan(null), amount.warmSeconds());
      }
      for (int i = 0; i < amount.rounds() * PAIRS; i++) {
        System.err.printf("pair %d of %d%n", i + 1, amount.rounds() * PAIRS);
        for (Workload workload : workloads()) {
          pair(bed, gateway, workload, i % 2 == 0);
        }
      }
      boolean kept = print(bed);
      return kept ? bed.status() : 1;
    }
  }

  private static URI admin(Target gateway) {
    return Objects.requireNonNull(gateway.admin(), "a gateway of ours");
  }

  private void pair(TestBed bed, Target gateway, Workload workload, boolean watchedFirst)
      throws IOException {
    Map<String, Double> first = turn(bed, gateway, workload, watchedFirst);
    Map<String, Double> second = turn(bed, gateway, workload, !watchedFirst);
    pairs
        .computeIfAbsent(workload, none -> new ArrayList<>())
        .add(watchedFirst ? new Pair(second, first) : new Pair(first, second));
  }

  private static Path told(TestBed bed) {
    return bed.directory().resolve("told");
  }

  private Map<String, Double> turn(TestBed bed, Target gateway, Workload workload, boolean watched)
      throws IOException {
    double dropped = bed.metrics(gateway).sum(DROPPED);
    Workload.Outcome outcome;
    try (Watchers _ = new Watchers(admin(gateway), watched ? listeners : 0, told(bed))) {
      Workload.Plan plan = amount.plan(null);
      Workload.Outcome _ = bed.reconciled(gateway, workload, plan.lasting(LEAD_SECONDS));
      double seconds = Math.min(TURN_SECONDS, amount.seconds());
      outcome = bed.reconciled(gateway, workload, plan.lasting(seconds));
    }
    if (watched && listeners > 0 && workload == Workload.LATENCY) {
      requireTold(bed, outcome, bed.metrics(gateway).sum(DROPPED) - dropped);
    }
    return outcome.values();
  }

  /** Who is told nothing costs nothing. */
  private static void requireTold(TestBed bed, Workload.Outcome outcome, double dropped)
      throws IOException {
    long told;
    try (Stream<String> lines = Files.lines(told(bed))) {
      told = lines.filter(line -> line.equals("event: request")).count();
    }
    int sent = outcome.micros().length;
    double least = LEAST_TOLD * sent;
    if (dropped > 0 || told < least) {
      throw new IOException(
          "a listener was told "
              + told
              + " requests where "
              + sent
              + " were sent, and "
              + (long) dropped
              + " were dropped");
    }
  }

  private PairedDifference over(Workload workload, ToDoubleFunction<Pair> difference) {
    return PairedDifference.of(
        pairs.getOrDefault(workload, List.of()).stream().mapToDouble(difference).toArray());
  }

  /** Shows what was measured, and says whether it is as little as it may be. */
  private boolean print(TestBed bed) {
    System.out.printf("%s; %d listeners, 4 lists a second%n", bed.machine(), listeners);
    System.out.printf(
        "%-10s %-12s %12s %12s %9s %20s%n", "load", "", "without", "with", "", "95 of 100 within");
    for (Workload workload : workloads()) {
      for (String value : VALUES) {
        row(workload, value);
      }
    }
    PairedDifference core =
        over(Workload.LATENCY, pair -> pair.with("core") - pair.without("core"));
    double usualP99 = over(Workload.LATENCY, pair -> pair.without("p99_us")).median();
    PairedDifference later =
        over(Workload.LATENCY, pair -> pair.with("p99_us") - pair.without("p99_us"));
    boolean cheap = verdict("share of the gateway's core", core, MOST_CORE);
    double mostLater = Math.max(MOST_LATER_US, MOST_LATER * usualP99);
    return verdict("p99 later by us", later, mostLater) && cheap;
  }

  private void row(Workload workload, String value) {
    PairedDifference change =
        over(workload, pair -> 100 * (pair.with(value) / pair.without(value) - 1));
    System.out.printf(
        Locale.ROOT,
        "%-10s %-12s %12.1f %12.1f %+8.1f%% %+8.1f%% to %+6.1f%%%n",
        workload.label(),
        value,
        over(workload, pair -> pair.without(value)).median(),
        over(workload, pair -> pair.with(value)).median(),
        change.median(),
        change.low(),
        change.high());
  }

  private static boolean verdict(String what, PairedDifference cost, double most) {
    PairedDifference.Verdict verdict = cost.against(most);
    System.out.printf(
        Locale.ROOT,
        "%s: %.4f (%.4f to %.4f), may be %.4f: %s%n",
        what,
        cost.median(),
        cost.low(),
        cost.high(),
        most,
        verdict.label());
    return verdict == PairedDifference.Verdict.KEPT;
  }
}
