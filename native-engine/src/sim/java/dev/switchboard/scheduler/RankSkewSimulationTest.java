package dev.switchboard.scheduler;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.ExecutorConfig.KvType;
import dev.switchboard.executor.Fault;
import dev.switchboard.executor.LatencyModel;
import dev.switchboard.executor.Sampling;
import dev.switchboard.executor.SimulatedExecutor;
import dev.switchboard.executor.SimulatedMachine;
import dev.switchboard.executor.SimulatedTime;
import dev.switchboard.kv.PrefixKey;
import dev.switchboard.scheduler.EngineHealth.RankScore;
import dev.switchboard.timeline.EpochClock;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.LongFunction;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Who is blamed for slow steps, over engines whose ranks all take a little longer by chance. */
@Tag("computation")
class RankSkewSimulationTest {
  private static final int STAGES = 2;
  private static final int RANKS = 4;
  private static final long STEP_NANOS = 30_000_000;
  private static final long SHORT_NANOS = 100_000;

  /** Far more than ranks of one machine differ by chance. */
  private static final double JITTER = 0.3;

  private static final int STEPS = 400;
  private static final long HOUR_NANOS = 3_600_000_000_000L;

  @Test
  void noRankIsBlamedInAThousandCleanRuns() {
    for (long seed = 1; seed <= 1000; seed++) {
      Run run = new Run(seed);
      run.steps(STEPS);

      List<RankScore> named = run.named();
      assertTrue(named.isEmpty(), () -> "seed " + run.seed + " blames " + named);
    }
  }

  @Test
  void aRankThatLosesItsCoreInAThirdOfItsStepsIsNotBlamed() {
    for (long seed = 1; seed <= 100; seed++) {
      Run run = new Run(seed);
      Random random = new Random(seed);
      for (int step = 0; step < STEPS; step++) {
        if (random.nextInt(3) == 0) {
          run.inject(new Fault(Fault.Kind.DELAY, 0, 1, 0, 1, 2 * STEP_NANOS));
        }
        run.steps(1);
      }

      List<RankScore> named = run.named();
      assertTrue(named.isEmpty(), () -> "seed " + run.seed + " blames " + named);
    }
  }

  @Test
  void aRankThatIsAFifthSlowerIsNamedWithinFiveSecondsAndClearedWhenItRecovers() {
    for (long seed = 1; seed <= 100; seed++) {
      Run run = new Run(seed);
      Random random = new Random(seed);
      int stage = random.nextInt(STAGES);
      int rank = random.nextInt(RANKS);
      run.steps(100 + random.nextInt(200));
      namedInFiveSeconds(run, stage, rank);

      run.steps(200);
      assertEquals(1, run.named().size(), "seed " + seed + " blames others too");
      run.inject(new Fault(Fault.Kind.NONE, stage, rank, 0, 0, 0));
      run.steps(200);
      assertTrue(run.named().isEmpty(), "seed " + seed + " blames a rank that recovered");
    }
  }

  /** As on a machine whose two cores others keep busy. */
  @Test
  void noRankIsBlamedInAnHourOnTwoNoisyCores() {
    nobodyIsBlamedForAnHourOn(NoisyCores::new);
  }

  @Test
  void aRankThatIsAFifthSlowerIsNamedWithinFiveSecondsOnNoisyCoresToo() {
    aSlowOneIsNamedOn(STEP_NANOS, NoisyCores::new);
  }

  /** As beside a process of higher priority, which leaves one of the ranks next to no core. */
  @Test
  void noRankIsBlamedInAnHourInWhichOneLosesItsCoreInEveryStep() {
    nobodyIsBlamedForAnHourOn(seed -> new StarvedCore(seed, 350_000_000));
  }

  @Test
  void aRankThatIsAFifthSlowerIsNamedWithinFiveSecondsWhereAllStepsLoseCores() {
    aSlowOneIsNamedOn(STEP_NANOS, seed -> new StarvedCore(seed, STEP_NANOS));
  }

  /** A neighbour that uses the same cache makes one of the ranks slower for up to two seconds. */
  @Test
  void noRankIsBlamedInAnHourBesideNeighboursThatComeAndGo() {
    nobodyIsBlamedForAnHourOn(Neighbours::new);
  }

  @Test
  void aRankThatIsAFifthSlowerIsNamedWithinFiveSecondsWhereStepsAreShort() {
    aSlowOneIsNamedOn(SHORT_NANOS, ShortSteps::new);
  }

  @Test
  void noRankIsBlamedInAQuarterOfAnHourOfShortSteps() {
    notBlamed(Run.of(1, SHORT_NANOS, ShortSteps::new), HOUR_NANOS / 4);
  }

  @Test
  void noRankIsBlamedInAQuarterOfAnHourOfShortStepsWhoseCachesAreCold() {
    notBlamed(Run.of(1, SHORT_NANOS, ColdCaches::new), HOUR_NANOS / 4);
  }

  private static void nobodyIsBlamedForAnHourOn(LongFunction<SimulatedMachine> machine) {
    for (long seed = 1; seed <= 3; seed++) {
      notBlamed(Run.of(seed, STEP_NANOS, machine), HOUR_NANOS);
    }
  }

  private static void aSlowOneIsNamedOn(long stepNanos, LongFunction<SimulatedMachine> machine) {
    for (long seed = 1; seed <= 50; seed++) {
      Run run = Run.of(seed, stepNanos, machine);
      run.steps(300);
      namedInFiveSeconds(run, 0, (int) (seed % 2));
    }
  }

  private static void notBlamed(Run run, long nanos) {
    while (run.nanos() < nanos) {
      run.steps(1);
      List<RankScore> named = run.named();
      assertTrue(
          named.isEmpty(),
          () -> "seed " + run.seed + " blames " + named + " at " + run.nanos() / 1_000_000 + " ms");
    }
  }

  private static void namedInFiveSeconds(Run run, int stage, int rank) {
    run.inject(new Fault(Fault.Kind.SLOW, stage, rank, 0, 0, 20));
    long slowFrom = run.nanos();
    while (run.named().isEmpty() && run.nanos() - slowFrom < 5_000_000_000L) {
      run.steps(1);
    }

    List<RankScore> named = run.named();
    assertEquals(1, named.size(), "seed " + run.seed + " blames " + named);
    assertEquals(stage, named.getFirst().stage(), "seed " + run.seed);
    assertEquals(rank, named.getFirst().rank(), "seed " + run.seed);
  }

  /**
   * A machine of two cores of which a process of higher priority has one, as recorded there with
   * the model that {@code docs/benchmarks/engine.md} names: the ranks' processor times are within a
   * twentieth of each other, and one loses several times as long as it computes. Once in a while a
   * step takes several times as long.
   */
  private static final class StarvedCore implements SimulatedMachine {
    private final Random random;
    private final long meanLostNanos;

    StarvedCore(long seed, long meanLostNanos) {
      random = new Random(seed);
      this.meanLostNanos = meanLostNanos;
    }

    @Override
    public long slowedNanos(int stage, int rank, long startNanos, long busyNanos) {
      boolean far = random.nextInt(100) == 0;
      return far ? 2 * busyNanos : (long) (0.05 * busyNanos * Math.abs(random.nextGaussian()));
    }

    @Override
    public long lostNanos(int stage, int rank, long startNanos, long busyNanos) {
      double share = rank == 1 ? 1 : 0.2;
      return (long) (share * meanLostNanos * (0.5 + random.nextDouble()));
    }
  }

  /** One of the ranks is a sixth slower for up to two seconds, then neither for as long. */
  private static final class Neighbours implements SimulatedMachine {
    private final Random random;
    private long until;
    private int slower;

    Neighbours(long seed) {
      random = new Random(seed);
    }

    @Override
    public long slowedNanos(int stage, int rank, long startNanos, long busyNanos) {
      if (startNanos >= until) {
        slower = slower < 0 ? random.nextInt(2) : -1;
        until = startNanos + 1_000_000_000 + random.nextInt(1_000_000_000);
      }
      double more = 0.03 * Math.abs(random.nextGaussian()) + (rank == slower ? 0.16 : 0);
      return (long) (more * busyNanos);
    }

    @Override
    public long lostNanos(int stage, int rank, long startNanos, long busyNanos) {
      return 0;
    }
  }

  /**
   * Steps of a tenth of a millisecond, as recorded on the same machine with the demo model: their
   * processor times differ by a tenth by chance, those of the first rank by some hundredths for
   * seconds on end, and a quarter of them lose their core.
   */
  private static final class ShortSteps implements SimulatedMachine {
    private final Random random;
    private long until;
    private double more;

    ShortSteps(long seed) {
      random = new Random(seed);
    }

    @Override
    public long slowedNanos(int stage, int rank, long startNanos, long busyNanos) {
      if (startNanos >= until) {
        more = 0.06 * random.nextDouble();
        until = startNanos + 1_000_000_000 + random.nextInt(1_000_000_000);
      }
      double chance = 0.1 * Math.abs(random.nextGaussian());
      return (long) ((chance + (rank == 0 ? more : 0)) * busyNanos);
    }

    @Override
    public long lostNanos(int stage, int rank, long startNanos, long busyNanos) {
      return random.nextInt(4) == 0 ? (long) (16_000_000 * random.nextDouble()) : 0;
    }
  }

  /**
   * The same beside a process of higher priority that leaves the second rank a tenth of a core for
   * minutes: it loses that in most steps, which are longer by a fifth then.
   */
  private static final class ColdCaches implements SimulatedMachine {
    private final Random random;
    private long lost;

    ColdCaches(long seed) {
      random = new Random(seed);
    }

    @Override
    public long slowedNanos(int stage, int rank, long startNanos, long busyNanos) {
      lost = random.nextInt(100) < (rank == 1 ? 85 : 30) ? 1 + random.nextInt(40_000_000) : 0;
      double cold = lost > 0 && rank == 1 ? 0.05 + 0.3 * random.nextDouble() : 0;
      return (long) ((0.08 * Math.abs(random.nextGaussian()) + cold) * busyNanos);
    }

    @Override
    public long lostNanos(int stage, int rank, long startNanos, long busyNanos) {
      return lost;
    }
  }

  /**
   * Cores that others use, as they were seen on a machine of two cores with twenty busy processes:
   * a rank loses its core in some steps, one of the two for seconds at a time more often, and is
   * slower after that, for its caches are cold; in other steps it differs by chance.
   */
  private static final class NoisyCores implements SimulatedMachine {
    /** What the other processes get at a time. */
    private static final long SLICE_NANOS = 6_000_000;

    private final Random random;
    private long lost;
    private long busierUntil;
    private int busier;

    NoisyCores(long seed) {
      random = new Random(seed);
    }

    @Override
    public long slowedNanos(int stage, int rank, long startNanos, long busyNanos) {
      if (startNanos >= busierUntil) {
        busier = random.nextInt(2);
        busierUntil = startNanos + (1 + random.nextInt(10)) * 1_000_000_000L;
      }
      double chance = rank == busier ? 0.3 : 0.1;
      lost =
          random.nextDouble() < chance ? (long) (SLICE_NANOS * -Math.log(random.nextDouble())) : 0;
      // The longer others had the core, the less of the caches is left.
      double cold = Math.min(lost, SLICE_NANOS) * random.nextDouble();
      return (long) (cold + 0.03 * busyNanos * Math.abs(random.nextGaussian()));
    }

    @Override
    public long lostNanos(int stage, int rank, long startNanos, long busyNanos) {
      return lost;
    }
  }

  /** An engine that always has the same few requests to decode. */
  private static final class Run {
    private final long seed;
    private final SimulatedTime time = SimulatedTime.virtual();
    private final EpochClock clock = EpochClock.of(time::nanos, 0);
    private final SimulatedExecutor executor;
    private final EngineCore core;
    private int requests;

    Run(long seed) {
      this(seed, STAGES, RANKS, JITTER, STEP_NANOS);
    }

    Run(long seed, int stages, int ranks, double jitter, long stepNanos) {
      this.seed = seed;
      ExecutorConfig layout =
          ExecutorConfig.defaults()
              .withLayout(stages, ranks, 1)
              .withKv(KvType.F16, 32, 200)
              .withSteps(4, 64, 4)
              .withFaults(true, 0);
      executor =
          new SimulatedExecutor(
              layout, 4096, 97, new LatencyModel(stepNanos, 1000, 0, jitter, seed), time);
      core =
          new EngineCore(
              executor, EngineConfig.of(executor.info()), clock, new PrefixKey(seed, ~seed));
    }

    /** Two ranks of one stage that differ by what the machine does to them alone. */
    static Run of(long seed, long stepNanos, LongFunction<SimulatedMachine> machine) {
      Run run = new Run(seed, 1, 2, 0, stepNanos);
      run.executor.on(machine.apply(seed));
      return run;
    }

    void steps(int count) {
      for (int done = 0; done < count; ) {
        if (core.scheduler().isIdle()) {
          core.scheduler()
              .add(new Sequence(request(), new DeafListener(), requests++, clock, 0), 0);
        }
        core.fill();
        done += core.await(Long.MAX_VALUE / 4) ? 1 : 0;
      }
    }

    private GenerationRequest request() {
      return new GenerationRequest(
          "r" + requests,
          0,
          new int[] {1, 2, 3},
          1500,
          Sampling.GREEDY,
          Set.of(),
          -1,
          false,
          0,
          "",
          0,
          false);
    }

    void inject(Fault fault) {
      executor.inject(fault);
    }

    long nanos() {
      return time.nanos();
    }

    List<RankScore> named() {
      return core.skew().report(time.nanos()).stream().filter(RankScore::straggler).toList();
    }
  }
}
