package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What is done to the pods while streams run, one after the other, and what was seen meanwhile. */
final class RolloutStage {
  private static final int FIRST_TOKENS = 100;
  private static final int LEAST_TOKENS = 60;

  /** With its question a stream has to stay within the model's context. */
  private static final int MOST_TOKENS = 1800;

  private static final int WARM_SECONDS = 15;
  private static final String WARM = "\"event\":\"warm\"";
  private static final int WARM_MOST_SECONDS = 300;
  private static final int WARM_TRIES = 3;

  /** The rate is asked for again while it grows by this. */
  private static final double FASTER = 1.1;

  private static final int MOST_RATES = 5;
  private static final int BACK_SECONDS = 120;
  private static final int SETTLE_SECONDS = 10;
  private static final int CUT_OFF_SECONDS = 30;

  /** That a worker runs at once. */
  private static final int SEQUENCES = 64;

  /** Of the streams that are wanted; below nine tenths only since some ended in this moment. */
  private static final double LIVE_AT_LEAST = 0.85;

  /** Two cores are slow for so many; what is judged is that nothing breaks, not when it comes. */
  private static final String PATIENT = "X-SLO-TTFT-Ms: 300000\r\nX-SLO-TPOT-Ms: 10000\r\n";

  private static final String MIGRATIONS = "switchboard_migrations_total";
  private static final String IN_FLIGHT = "switchboard_replica_in_flight";
  private static final String RESUMED = "result=\"resumed\"";

  /**
   * What was seen while one thing was done.
   *
   * @param moved streams that went on at another worker; −1 where nobody can be asked
   * @param ended pods that were replaced, with what they took of their grace
   */
  record Row(
      String what,
      double seconds,
      RolloutStreams streams,
      double moved,
      String ended,
      List<String> faults) {
    static final List<String> HEADS =
        List.of(
            "what is done",
            "seconds",
            "streams",
            "fewest at once",
            "refused",
            "broken",
            "lost with their gateway",
            "with other words",
            "moved",
            "longest pause, s",
            "longest stream, s",
            "pods ended after, s");

    List<String> cells() {
      return List.of(
          what,
          shown(seconds),
          Integer.toString(streams.served()),
          Integer.toString(streams.leastOpen()),
          Integer.toString(streams.refused()),
          Integer.toString(streams.broken()),
          Integer.toString(streams.lost()),
          Integer.toString(streams.different()),
          moved < 0 ? "" : String.format(Locale.ROOT, "%.0f", moved),
          shown(streams.longestGapMs() / 1000),
          shown(streams.longestMs() / 1000),
          ended);
    }
  }

  /** What gateways had counted when it began. */
  private record Counted(MetricsText metrics, UsageSum used) {}

  /** What is done, returning what it says of pods that ended. */
  private interface Act {
    String run() throws IOException;
  }

  private final RolloutCluster cluster;
  private final RolloutDeployment workers;
  private final RolloutDeployment gateways;
  private final Map<String, String> keys;
  private final String model;
  private final HttpClient client = HttpClient.newHttpClient();
  private final List<Row> rows = new ArrayList<>();
  private final Set<String> told = new HashSet<>();

  RolloutStage(
      RolloutCluster cluster,
      RolloutDeployment workers,
      RolloutDeployment gateways,
      Map<String, String> keys,
      String model) {
    this.cluster = cluster;
    this.workers = workers;
    this.gateways = gateways;
    this.keys = keys;
    this.model = model;
  }

  List<Row> run(int streams, int streamSeconds) throws IOException {
    long begun = System.nanoTime();
    workers.create();
    gateways.create();
    workers.awaitReady();
    gateways.awaitReady();
    cluster.awaitRoutes(gateways.pods().size());
    say("all pods are ready", begun);
    awaitWarm();
    say("gateways are warm", begun);
    String headers = PATIENT + "Authorization: Bearer " + keys.get("app") + "\r\n";
    RolloutStreams.Plan plan =
        new RolloutStreams.Plan(model, headers, streams, tokens(headers, streams, streamSeconds));
    phase("nothing", plan, false, this::nothing);
    phase("every worker is replaced", plan, true, () -> ended(workers.roll()));
    phase("a worker is killed", plan, true, () -> kill(workers.pods().subList(0, 1)));
    phase("every second worker, a zone, is killed", plan, true, () -> kill(zone()));
    phase("the node of every second worker is cut off", plan, true, () -> cutOff(zone()));
    RolloutPod first = gateways.pods().getFirst();
    phase("a gateway is killed", plan, false, first, () -> kill(List.of(first)));
    RolloutPod last = gateways.pods().getLast();
    phase("a zone with its gateway is killed", plan, true, last, () -> kill(zoneWith(last)));
    phase("workers are scaled to one", plan, true, () -> ended(workers.keep(1)));
    phase("and back", plan, false, this::scaleBack);
    phase("every gateway is replaced", plan.shorter(), false, () -> ended(gateways.roll()));
    return rows;
  }

  /** A cluster that has run for a while is what is rolled, not one whose gateways still compile. */
  private void awaitWarm() throws IOException {
    for (RolloutPod pod : gateways.pods()) {
      for (int i = 0; !RolloutNode.printed(pod.name()).contains(WARM); i++) {
        if (i > WARM_MOST_SECONDS) {
          throw new IOException(pod.name() + " does not become warm");
        }
        Target.pause(1000);
      }
    }
  }

  /** As many tokens as a stream has in the time that is wanted, by what this machine does. */
  private int tokens(String headers, int streams, int streamSeconds) throws IOException {
    double rate = rate(headers, streams);
    for (int i = 1; i < MOST_RATES; i++) {
      double before = rate;
      rate = rate(headers, streams);
      if (rate < FASTER * before) {
        break;
      }
    }
    int tokens = Math.clamp((int) (rate * streamSeconds), LEAST_TOKENS, MOST_TOKENS);
    System.out.printf(
        Locale.ROOT, "  %.1f tokens/s of each stream: at most %d tokens%n", rate, tokens);
    return tokens;
  }

  /** Tokens a second of each stream; more than before while code is still being compiled. */
  private double rate(String headers, int streams) throws IOException {
    for (int tries = 1; ; tries++) {
      RolloutStreams warm =
          RolloutStreams.start(
              cluster, new RolloutStreams.Plan(model, headers, streams, FIRST_TOKENS));
      long before = warm.ledger().tokens();
      Target.pause(WARM_SECONDS * 1000);
      double rate = (double) (warm.ledger().tokens() - before) / WARM_SECONDS / streams;
      warm.end();
      if (warm.failed() == 0) {
        return rate;
      }
      if (tries == WARM_TRIES) {
        throw new IOException("streams fail though nothing is done: " + warm.complaints());
      }
    }
  }

  private void phase(String what, RolloutStreams.Plan plan, boolean moves, Act act)
      throws IOException {
    phase(what, plan, moves, null, act);
  }

  /**
   * Does one thing under streams.
   *
   * @param moves whether streams have to move for it
   * @param doomed the gateway that is killed by it; null for none
   */
  private void phase(
      String what, RolloutStreams.Plan plan, boolean moves, @Nullable RolloutPod doomed, Act act)
      throws IOException {
    long begun = System.nanoTime();
    List<RolloutPod> asked = gateways.pods();
    // The process after one that is killed counts from 0.
    List<RolloutPod> counting = asked.stream().filter(each -> each != doomed).toList();
    Counted before = new Counted(MetricsText.together(scrape(counting)), used(counting));
    int most = Math.min(plan.clients(), SEQUENCES * workers.pods().size());
    RolloutStreams streams = RolloutStreams.start(cluster, plan, most, doomed);
    int live = streams.open();
    for (MetricsText each : scrape(asked)) {
      System.out.println("  requests of a gateway at each worker " + each.by(IN_FLIGHT, "replica"));
    }
    List<String> faults = new ArrayList<>();
    if (live < LIVE_AT_LEAST * most) {
      faults.add("only " + live + " of " + most + " streams were live when it began");
    }
    String ended = "";
    try {
      ended = act.run();
    } catch (IOException e) {
      faults.add(String.valueOf(e.getMessage()));
    }
    streams.end();
    faults.addAll(streams.complaints());
    if (streams.different() > 0) {
      faults.add(streams.different() + " streams say something else than undisturbed");
    }
    double moved = account(streams, asked, before, faults);
    if (moves && moved <= 0) {
      faults.add("no stream had to move, so nothing was shown");
    }
    if (doomed != null) {
      System.out.println("  connections made anew: " + streams.reconnected());
      if (streams.lost() == 0) {
        faults.add("no stream was lost with its gateway, so nothing was shown");
      }
    }
    faults.addAll(fresh(RolloutPod::complaints));
    fresh(RolloutPod::notes).forEach(note -> System.out.println("  " + note));
    rows.add(new Row(what, (System.nanoTime() - begun) / 1e9, streams, moved, ended, faults));
    say(what, begun);
  }

  /**
   * The gateways counted what their clients did: what was used, those among them that were replaced
   * meanwhile, and where none was, outcomes, tokens and the gaps between them.
   *
   * @return streams that went on at another worker; −1 where nobody can be asked
   */
  private double account(
      RolloutStreams streams, List<RolloutPod> asked, Counted before, List<String> faults) {
    boolean there = asked.equals(gateways.pods());
    double moved = -1;
    List<String> found = new ArrayList<>();
    try {
      for (int i = 0; i < SETTLE_SECONDS && (i == 0 || !found.isEmpty()); i++) {
        Target.pause(i == 0 ? 0 : 1000);
        UsageSum used = used(union(asked, gateways.pods())).minus(before.used());
        found = streams.ledger().compare(used);
        if (there) {
          MetricsText after = MetricsText.together(scrape(asked));
          found.addAll(streams.ledger().compare(before.metrics(), after));
          moved = after.since(before.metrics(), MIGRATIONS, RESUMED);
        }
        if (found.isEmpty()) {
          System.out.println("  recorded as used, as clients have it: " + used);
        }
      }
    } catch (IOException e) {
      found.add(String.valueOf(e.getMessage()));
    }
    faults.addAll(found);
    return moved;
  }

  private static List<RolloutPod> union(List<RolloutPod> some, List<RolloutPod> others) {
    return Stream.concat(some.stream(), others.stream()).distinct().toList();
  }

  /** By the stores of those that run, which end with them, and by the last words of the others. */
  private UsageSum used(List<RolloutPod> pods) throws IOException {
    UsageSum sum = UsageSum.NONE;
    for (RolloutPod pod : pods) {
      sum =
          sum.plus(
              pod.gone()
                  ? UsageSum.atEnd(RolloutNode.printed(pod.name()))
                  : UsageSum.read(client, admin(pod), keys.getOrDefault("viewer", "")));
    }
    return sum;
  }

  /** What pods say that they had not said before. */
  private List<String> fresh(Function<RolloutPod, List<String>> said) {
    List<String> fresh = new ArrayList<>();
    cluster.pods().forEach(pod -> fresh.addAll(said.apply(pod)));
    fresh.removeAll(told);
    told.addAll(fresh);
    return fresh;
  }

  private String nothing() {
    Target.pause(WARM_SECONDS * 1000);
    return "";
  }

  /** Half of the workers, as they are spread over two zones. */
  private List<RolloutPod> zone() {
    List<RolloutPod> all = workers.pods();
    return IntStream.range(0, all.size()).filter(i -> i % 2 == 1).mapToObj(all::get).toList();
  }

  private List<RolloutPod> zoneWith(RolloutPod gateway) {
    List<RolloutPod> all = new ArrayList<>(zone());
    all.add(gateway);
    return all;
  }

  private String scaleBack() throws IOException {
    workers.create();
    workers.awaitReady();
    return "";
  }

  /**
   * They are killed at once, as if their memory had run out, and their kubelets start them anew.
   */
  private static String kill(List<RolloutPod> victims) throws IOException {
    List<Integer> starts = victims.stream().map(RolloutPod::starts).toList();
    for (RolloutPod victim : victims) {
      victim.kill();
    }
    long deadline = System.nanoTime() + BACK_SECONDS * 1_000_000_000L;
    for (int i = 0; i < victims.size(); i++) {
      RolloutPod victim = victims.get(i);
      while (victim.starts() == starts.get(i) || !victim.available()) {
        if (System.nanoTime() > deadline) {
          throw new IOException(victim.name() + " did not come back");
        }
        Target.pause(100);
      }
    }
    return "";
  }

  /** For less than the 40 s after which a cluster says that a node is not ready. */
  private static String cutOff(List<RolloutPod> victims) throws IOException {
    for (RolloutPod victim : victims) {
      victim.silence();
    }
    Target.pause(CUT_OFF_SECONDS * 1000);
    for (RolloutPod victim : victims) {
      victim.reach();
    }
    return "";
  }

  private static String ended(List<RolloutPod> replaced) {
    double longest = replaced.stream().mapToDouble(RolloutPod::endedSeconds).max().orElse(0);
    return shown(longest) + " of " + replaced.getFirst().template().graceSeconds();
  }

  private List<MetricsText> scrape(List<RolloutPod> pods) throws IOException {
    List<MetricsText> all = new ArrayList<>();
    for (RolloutPod pod : pods) {
      all.add(MetricsText.scrape(client, admin(pod), keys.getOrDefault("viewer", "")));
    }
    return all;
  }

  private static URI admin(RolloutPod pod) {
    return URI.create("http://" + pod.address() + ":" + pod.template().port("admin"));
  }

  private static void say(String what, long begun) {
    System.out.printf(Locale.ROOT, "  %-40s %6.1f s%n", what, (System.nanoTime() - begun) / 1e9);
  }

  private static String shown(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }
}
