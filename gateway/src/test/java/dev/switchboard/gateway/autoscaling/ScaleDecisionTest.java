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
class ScaleDecisionTest {
  private static final AutoscalingConfig CONFIG = AutoscalingConfig.DEFAULTS;
  private static final int SEEDS = 50;
  private static final int PLACES = 8;
  private static final int START_SECONDS = 20;
  private static final int DOWN = CONFIG.downSeconds();

  /** How many requests one replica has where it is as busy as it may be. */
  private static final double FULL = PLACES * CONFIG.busyRatio();

  private static ScaleSignals signals(int replicas, double load) {
    int running = (int) Math.min(load, replicas * PLACES);
    int waiting = (int) load - running;
    return new ScaleSignals(
        replicas,
        replicas,
        0,
        running,
        running,
        waiting,
        replicas * PLACES,
        PLACES,
        1000.0 * waiting / Math.max(1, running),
        300,
        0.01 * load / replicas);
  }

  /** What was desired at each second of a load. */
  private static List<Integer> run(int replicas, int seconds, IntToDoubleFunction load) {
    ScaleDecision decision = new ScaleDecision();
    List<Integer> desired = new ArrayList<>();
    int current = replicas;
    for (int t = 0; t < seconds; t++) {
      ScaleSignals now = signals(current, load.applyAsDouble(t));
      desired.add(
          decision
              .decide(
                  1000L * t,
                  current,
                  ScaleNeed.of(now, CONFIG),
                  CONFIG.bounds("m"),
                  CONFIG.upSeconds(),
                  DOWN)
              .desired());
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
      // Waits may ask for more at first, for twice as many at most.
      assertTrue(desired.getLast() <= 2 * Math.ceil((4 + perSecond * 600) / FULL), "seed " + seed);
    }
  }

  @Test
  void aBurstThatIsSoonOverAddsNone() {
    for (int seed = 0; seed < SEEDS; seed++) {
      Random random = new Random(seed);
      int at = 400 + random.nextInt(100);
      int seconds = 1 + random.nextInt(CONFIG.upSeconds() - 1);

      List<Integer> desired = run(2, 600, t -> t >= at && t < at + seconds ? 200 : 8);

      assertEquals(0, changes(desired), "seed " + seed);
    }
  }

  @Test
  void aBurstThatStaysIsServedAndForgottenAfterAQuietTime() {
    for (int seed = 0; seed < SEEDS; seed++) {
      Random random = new Random(seed);
      int seconds = 60 + random.nextInt(100);
      double load = 50 + random.nextInt(100);

      List<Integer> desired = run(2, 1000, t -> t >= 400 && t < 400 + seconds ? load : 8);

      assertTrue(desired.get(400 + CONFIG.upSeconds() + 1) > 2, "seed " + seed);
      assertTrue(desired.get(400 + seconds - 1) >= Math.ceil(load / FULL), "seed " + seed);
      assertTrue(desired.get(400 + seconds + DOWN - 2) >= Math.ceil(load / FULL), "seed " + seed);
      assertEquals(2, desired.get(400 + seconds + DOWN + 2), "seed " + seed);
      assertTrue(changes(desired) <= 5, "seed " + seed + ": " + changes(desired));
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
    List<Integer> desired = run(9, 1000, t -> t < 400 ? 9 * FULL - 1 : 0);

    assertEquals(9, desired.get(400 + DOWN - 1));
    assertEquals(1, desired.get(400 + DOWN + 1));
    assertEquals(1, changes(desired));
  }

  @Test
  void moreThanTheMostAreNeverDesired() {
    ScaleDecision decision = new ScaleDecision();
    Bounds bounds = new Bounds(2, 3);
    ScaleDecision.Decided decided =
        decision.decide(0, 1, ScaleNeed.of(signals(1, 100), CONFIG), bounds, 5, DOWN);
    assertEquals(2, decided.desired());

    decided = decision.decide(5000, 2, ScaleNeed.of(signals(2, 100), CONFIG), bounds, 5, DOWN);

    assertEquals(3, decided.desired());
    assertEquals(5000, decided.sinceMs());
    assertTrue(decided.reason().endsWith("18. The most that may be is 3."), decided.reason());
  }

  @Test
  void eachSignalAsksForReplicasAndSaysSo() {
    ScaleNeed kv = ScaleNeed.of(new ScaleSignals(4, 4, 0, 4, 4, 0, 32, 8, 0, 300, 0.95), CONFIG);
    ScaleNeed wait =
        ScaleNeed.of(new ScaleSignals(4, 4, 0, 20, 20, 1, 32, 8, 450, 300, 0.1), CONFIG);
    ScaleNeed others =
        ScaleNeed.of(new ScaleSignals(4, 4, 0, 2, 60, 0, 32, 8, 0, 300, Double.NaN), CONFIG);

    assertEquals(5, kv.replicas());
    assertEquals("Sequences hold 95 % of the KV of 4 replicas, and may hold 80 %: 5.", kv.why());
    assertEquals(6, wait.replicas());
    assertEquals(
        "A request would wait 450 ms for a place, and the shortest target is 300 ms: 6.",
        wait.why());
    assertEquals(11, others.replicas());
    assertEquals(
        "60 requests run or wait, a replica has 8.0 places, and 70 % of them may be taken: 11.",
        others.why());
  }

  @Test
  void whereNothingWasMeasuredThereAreAsManyAsThereWere() {
    double unknown = Double.NaN;
    ScaleSignals nothing = new ScaleSignals(3, 0, 0, 0, 0, 0, 0, unknown, 0, 300, unknown);
    ScaleDecision decision = new ScaleDecision();
    int desired = 0;

    for (int t = 0; t < 2 * DOWN; t++) {
      ScaleNeed need = ScaleNeed.of(nothing, CONFIG);
      desired = decision.decide(1000L * t, 3, need, CONFIG.bounds("m"), 5, DOWN).desired();
    }

    assertEquals(3, desired);
  }

  @Test
  void boundsOfAModelStandOverThoseOfAll() {
    AutoscalingConfig config =
        new AutoscalingConfig(
            2, 8, 0.7, 0.8, 5, 300, List.of(new AutoscalingConfig.Model("a", null, 3)));

    assertEquals(new Bounds(2, 3), config.bounds("a"));
    assertEquals(new Bounds(2, 8), config.bounds("b"));
    AutoscalingConfig.Model wrong = new AutoscalingConfig.Model("a", 9, null);
    assertEquals(
        "models: of a min is 9, above max, which is 8",
        assertThrows(
                IllegalArgumentException.class,
                () -> new AutoscalingConfig(2, 8, 0.7, 0.8, 5, 300, List.of(wrong)))
            .getMessage());
  }
}
