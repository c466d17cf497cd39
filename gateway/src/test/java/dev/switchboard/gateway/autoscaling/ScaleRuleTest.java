package dev.switchboard.gateway.autoscaling;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.autoscaling.AutoscalingConfig.Bounds;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;

/** Virtual time, one decision a second; replicas follow what is desired after their start. */
class ScaleRuleTest {
  private static final AutoscalingConfig CONFIG = AutoscalingConfig.DEFAULTS;
  private static final int SEEDS = 8;
  private static final int PLACES = 8;
  private static final int START_SECONDS = 20;
  private static final int DOWN = CONFIG.downSeconds();

  /** How many requests one replica has where it is as busy as it may be. */
  private static final double FULL = PLACES * CONFIG.busyRatio();

  /** Of one request a place serves so many tokens in a second. */
  private static final double PACE = 10;

  private static ScaleSignals signals(int replicas, double load, double offered) {
    int running = (int) Math.min(load, replicas * PLACES);
    int waiting = (int) load - running;
    return new ScaleSignals(
        replicas,
        replicas,
        0,
        running,
        running,
        running,
        waiting,
        replicas * PLACES,
        PLACES,
        offered,
        waiting * PACE,
        0,
        PACE,
        1000.0 * waiting / Math.max(1, running),
        300,
        60_000,
        0.01 * load / Math.max(1, replicas));
  }

  /** What was desired at each second of a load. */
  private static List<Integer> run(int replicas, int seconds, IntToDoubleFunction load) {
    return run(replicas, seconds, load, CONFIG.bounds("m"));
  }

  private static List<Integer> run(
      int replicas, int seconds, IntToDoubleFunction load, Bounds bounds) {
    ScaleRule rule = new ScaleRule();
    List<Integer> desired = new ArrayList<>();
    int current = replicas;
    double offered = 0;
    for (int t = 0; t < seconds; t++) {
      double places = load.applyAsDouble(t);
      offered += places * PACE;
      ScaleSignals now = signals(current, places, offered);
      desired.add(rule.decide(1000L * t, now, CONFIG, bounds).desired());
      int started = desired.get(Math.max(0, t - START_SECONDS));
      current = Math.min(desired.getLast(), Math.max(current, started));
    }
    return desired;
  }

  private static int changes(List<Integer> desired) {
    int changes = 0;
    for (int t = 1; t < desired.size(); t++) {
      changes += desired.get(t).equals(desired.get(t - 1)) ? 0 : 1;
    }
    return changes;
  }

  /** Where more followed on fewer, or fewer on more. */
  private static int turns(List<Integer> desired) {
    int turns = 0;
    int direction = 0;
    for (int t = 1; t < desired.size(); t++) {
      int step = Integer.signum(desired.get(t) - desired.get(t - 1));
      turns += step * direction < 0 ? 1 : 0;
      direction = step == 0 ? direction : step;
    }
    return turns;
  }

  @Test
  void aRampIsFollowedWithinTenSecondsAndNeverBackwards() {
    for (int seed = 0; seed < SEEDS; seed++) {
      Random random = new Random(seed);
      double perSecond = 0.05 + 0.2 * random.nextDouble();

      List<Integer> desired =
          run(1, 600, t -> 4 + perSecond * t * (0.95 + 0.1 * random.nextDouble()));

      for (int t = 10; t < desired.size(); t++) {
        double least = (4 + perSecond * (t - 10) * 0.95 - 1) / FULL;
        assertTrue(desired.get(t) >= Math.ceil(least), "seed " + seed + " at " + t);
        assertTrue(desired.get(t) >= desired.get(t - 1), "seed " + seed + " at " + t);
      }
      // What is kept free and what is expected by the time of a start come on top.
      double ahead = 4 + perSecond * (600 + CONFIG.startSeconds());
      assertTrue(desired.getLast() <= 2 * Math.ceil(ahead / FULL), "seed " + seed);
    }
  }

  @Test
  void aBurstThatIsSoonOverAddsOneAtMost() {
    for (int seed = 0; seed < SEEDS; seed++) {
      Random random = new Random(seed);
      int at = 400 + random.nextInt(100);
      int seconds = 1 + random.nextInt(2);

      List<Integer> desired = run(2, 700, t -> t >= at && t < at + seconds ? 200 : 8);

      assertTrue(desired.stream().allMatch(each -> each <= 3), "seed " + seed);
      assertEquals(2, desired.getLast(), "seed " + seed);
    }
  }

  @Test
  void aBurstThatStaysIsServedAndForgottenAfterAQuietTime() {
    for (int seed = 0; seed < SEEDS; seed++) {
      Random random = new Random(seed);
      int seconds = 60 + random.nextInt(100);
      double load = 50 + random.nextInt(100);

      List<Integer> desired = run(2, 1000, t -> t >= 400 && t < 400 + seconds ? load : 8);

      int needed = (int) Math.ceil(load / PLACES);
      assertTrue(desired.get(400 + CONFIG.upSeconds() + 1) > 2, "seed " + seed);
      assertTrue(desired.get(400 + seconds - 1) >= needed, "seed " + seed);
      assertTrue(desired.get(400 + seconds + DOWN - 4) >= needed, "seed " + seed);
      assertTrue(desired.get(400 + seconds + 2 * DOWN) <= 3, "seed " + seed);
      assertTrue(changes(desired) <= 20, "seed " + seed + ": " + changes(desired));
    }
  }

  @Test
  void noiseAboutAThresholdChangesTheNumberOnce() {
    for (int seed = 0; seed < SEEDS; seed++) {
      Random random = new Random(seed);
      int replicas = 2 + random.nextInt(8);
      double threshold = replicas * FULL;

      List<Integer> desired =
          run(replicas, 3600, t -> threshold * (0.97 + 0.06 * random.nextDouble()));

      assertTrue(changes(desired) <= 1, "seed " + seed + ": " + changes(desired));
    }
  }

  /** Whatever the load does, fewer follow on more only after a quiet time. */
  @Test
  void aRandomWalkTurnsTwiceInAQuietTimeAtMost() {
    for (int seed = 0; seed < SEEDS; seed++) {
      Random random = new Random(seed);
      double[] load = {30};

      List<Integer> desired =
          run(
              6,
              7200,
              t -> load[0] = Math.clamp(load[0] + 6 * (random.nextDouble() - 0.5), 0, 300));

      int most = 2 * 7200 / (DOWN - CONFIG.upSeconds()) + 1;
      assertTrue(turns(desired) <= most, "seed " + seed + ": " + turns(desired));
    }
  }

  @Test
  void aQuietModelComesDownToItsLeastAfterTheQuietTimeAndNotBefore() {
    List<Integer> desired = run(9, 1000, t -> t < 400 ? 7 * FULL : 0);

    int before = desired.get(399);
    assertTrue(before >= 8, desired::toString);
    assertEquals(before, desired.get(400 + DOWN - 4));
    assertEquals(1, desired.get(400 + DOWN + 5));
  }

  @Test
  void moreThanTheMostAreNeverDesiredAndSaidToBeNeeded() {
    ScaleRule rule = new ScaleRule();
    Bounds bounds = new Bounds(2, 3);
    ScaleRule.Decided decided = rule.decide(0, signals(1, 100, 0), CONFIG, bounds);
    assertEquals(2, decided.desired());

    for (int t = 1; t <= 30; t++) {
      decided = rule.decide(1000L * t, signals(2, 100, 1000.0 * t), CONFIG, bounds);
    }

    assertEquals(3, decided.desired());
    assertTrue(decided.atMax());
    assertEquals(ScaleCause.CEILING, decided.cause());
    assertTrue(decided.reason().endsWith("Cannot scale, at max: 3 may be."), decided.reason());
  }

  @Test
  void eachSignalAsksForReplicasAndSaysSo() {
    ScaleRule.Decided kv = decided(signals(4, 4, 0, 0, 0.95));
    ScaleRule.Decided queue = decided(signals(4, 20, 20_000, 0, 0.1));
    ScaleRule.Decided batches = decided(signals(4, 20, 0, 100_000, 0.1));
    ScaleRule.Decided headroom = decided(signals(12, 60, 0, 0, Double.NaN));

    assertEquals(5, kv.need().kv());
    assertEquals(
        "Sequences hold 95 % of the KV of 4 replicas, and may hold 80 %: 5.", kv.need().why());
    // 25 places for the load, and 200 to serve 20 000 tokens in 10 s.
    assertEquals(29, queue.need().replicas());
    assertEquals(
        "20000 tokens of people and 0 of batches wait, and a place serves 10.0 in a second: 29.",
        queue.need().why());
    // And 333 to serve 100 000 in 30 s, which is half of what a batch may wait.
    assertEquals(45, batches.need().replicas());
    assertEquals(ScaleCause.HEADROOM, headroom.need().cause());
    assertEquals(11, headroom.need().replicas());
  }

  private static ScaleRule.Decided decided(ScaleSignals signals) {
    return new ScaleRule().decide(0, signals, CONFIG, CONFIG.bounds("m"));
  }

  private static ScaleSignals signals(
      int replicas, int running, double people, double batches, double kv) {
    int places = replicas * PLACES;
    int waiting = people + batches > 0 ? 1 : 0;
    return new ScaleSignals(
        replicas,
        replicas,
        0,
        running - waiting,
        running - waiting,
        running - waiting,
        waiting,
        places,
        PLACES,
        0,
        people,
        batches,
        PACE,
        0,
        300,
        60_000,
        kv);
  }

  @Test
  void whereNothingWasMeasuredThereAreAsManyAsThereWere() {
    ScaleSignals nothing = nothing(3, 0);
    ScaleRule rule = new ScaleRule();
    int desired = 0;

    for (int t = 0; t < 2 * DOWN; t++) {
      desired = rule.decide(1000L * t, nothing, CONFIG, CONFIG.bounds("m")).desired();
    }

    assertEquals(3, desired);
  }

  private static ScaleSignals nothing(int replicas, int waiting) {
    double unknown = Double.NaN;
    return new ScaleSignals(
        replicas, 0, 0, 0, 0, 0, waiting, 0, unknown, 0, 0, 0, 0, 0, 300, 60_000, unknown);
  }

  @Test
  void aModelThatMayHaveNoneHasOneAtOnceWhenARequestWaits() {
    ScaleRule rule = new ScaleRule();
    Bounds bounds = new Bounds(0, 5);
    assertEquals(0, rule.decide(0, nothing(0, 0), CONFIG, bounds).desired());
    assertEquals(0, rule.decide(1000, nothing(0, 0), CONFIG, bounds).desired());

    assertEquals(1, rule.decide(2000, nothing(0, 1), CONFIG, bounds).desired());
  }

  @Test
  void aModelThatMayHaveNoneHasNoneOnceNothingCameForLong() {
    int idle = CONFIG.idleSeconds();

    List<Integer> desired = run(0, idle + 700, t -> t > 10 && t < 400 ? 4 : 0, new Bounds(0, 5));

    assertEquals(1, desired.get(400 + idle - 2));
    assertEquals(0, desired.get(400 + idle + 2));
  }

  /** Each takes a fifth of a second, and is over before the next look. */
  @Test
  void shortRequestsThatNoLookSeesKeepAModelUp() {
    int idle = CONFIG.idleSeconds();
    ScaleRule rule = new ScaleRule();
    Bounds bounds = new Bounds(0, 5);
    int desired = 1;
    for (int t = 0; t < 3 * idle; t++) {
      int asked = t / (idle / 2);
      ScaleSignals now = signals(1, 0, 0.2 * PACE * asked);
      desired = Math.min(desired, rule.decide(1000L * t, now, CONFIG, bounds).desired());
    }

    assertEquals(1, desired);
  }

  /** As after an update of the gateways, who may have served it a minute ago. */
  @Test
  void whoBeginsToLookLeavesAModelUpForAsLongAsOneThatWorked() {
    int idle = CONFIG.idleSeconds();

    List<Integer> desired = run(1, idle + 300, t -> 0, new Bounds(0, 5));

    assertEquals(1, desired.get(idle - 2));
    assertEquals(0, desired.get(idle + 2));
  }

  /** Another gateway, which knows that nothing came for long, may have said so meanwhile. */
  @Test
  void whoBeginsToLookStartsNothingAgainThatWasStopped() {
    ScaleRule rule = new ScaleRule();
    Bounds bounds = new Bounds(0, 5);
    int desired = 0;
    for (int t = 0; t <= DOWN; t++) {
      desired = rule.decide(1000L * t, signals(1, 0, 0), CONFIG, bounds).desired();
    }
    assertEquals(1, desired);

    ScaleSignals stopped = signals(0, 0, 0);

    assertEquals(0, rule.decide(1000L * (DOWN + 1), stopped, CONFIG, bounds).desired());
  }

  /** Load that grows steadily is served by replicas that started before it was there. */
  @Test
  void whatIsExpectedByTheTimeOfAStartIsAskedForNow() {
    List<Integer> desired = run(3, 400, t -> 12 + 0.1 * t);

    assertTrue(desired.get(300) > Math.ceil((12 + 0.1 * 300) / FULL), desired::toString);
  }

  /** Few requests that take long come too seldom to be seen in seconds, but are there. */
  @Test
  void longRequestsThatComeSeldomKeepTheirReplicas() {
    ScaleRule rule = new ScaleRule();
    int desired = 0;
    for (int t = 0; t < 600; t++) {
      double offered = 20_000 * (t / 30);
      desired =
          rule.decide(1000L * t, signals(4, 20, offered), CONFIG, CONFIG.bounds("m")).desired();
    }

    assertTrue(desired >= 3, () -> "20 places are held");
  }

  @Test
  void boundsOfAModelStandOverThoseOfAll() {
    AutoscalingConfig config =
        new AutoscalingConfig(
            2,
            8,
            0.7,
            0.8,
            5,
            300,
            60,
            600,
            1,
            1,
            1,
            List.of(new AutoscalingConfig.Model("a", null, 3)));

    assertEquals(new Bounds(2, 3), config.bounds("a"));
    assertEquals(new Bounds(2, 8), config.bounds("b"));
    AutoscalingConfig.Model wrong = new AutoscalingConfig.Model("a", 9, null);
    assertEquals(
        "models: of a min is 9, above max, which is 8",
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    new AutoscalingConfig(2, 8, 0.7, 0.8, 5, 300, 60, 600, 1, 1, 1, List.of(wrong)))
            .getMessage());
  }
}
