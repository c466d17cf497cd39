package dev.switchboard.gateway.fleet;

import java.util.ArrayList;
import java.util.List;

/**
 * How local workers run.
 *
 * @param local workers for each model
 * @param stages pipeline stages, each of {@code ranks} tensor-parallel ranks
 * @param threads CPU threads of a rank; 0 shares the machine's cores among all ranks
 * @param heapMb most of the Java heap of a worker, a part of its memory plan
 * @param javaOptions of the worker's JVM
 * @param arguments further options of the worker's command line, such as {@code --kv-memory}
 * @param statePollMs between two health checks; a check that takes longer than {@code
 *     stateTimeoutMs} failed, and {@code ejectAfter} failures in a row eject
 * @param canaryIdleMs an idle replica is proven again after this long
 * @param canaryTimeoutMs a canary must be answered within
 * @param restartFirstMs wait before the first restart; doubles up to {@code restartMaxMs}
 * @param crashLoopExits exits within {@code crashLoopWindowMs} that make a worker FAILED; from then
 *     on {@code restartMaxMs} pass before each start
 * @param stopMs how long a worker may take to finish its requests when it is stopped
 * @param unresponsiveMs a worker that was asked something and says nothing at all for so long is
 *     ejected
 * @param hungRestartMs one that stays so is killed after this long; 0 leaves it
 * @param drainGraceMs a drained replica's requests may take to end where they are, where the
 *     operator does not say
 * @param restartLimitMs a worker that an operator restarts must be back within
 */
public record WorkersConfig(
    int local,
    int stages,
    int ranks,
    int threads,
    int heapMb,
    List<String> javaOptions,
    List<String> arguments,
    long statePollMs,
    long stateTimeoutMs,
    int ejectAfter,
    long canaryIdleMs,
    long canaryTimeoutMs,
    long restartFirstMs,
    long restartMaxMs,
    int crashLoopExits,
    long crashLoopWindowMs,
    long stopMs,
    long unresponsiveMs,
    long hungRestartMs,
    long drainGraceMs,
    long restartLimitMs) {

  public static final WorkersConfig DEFAULTS =
      new WorkersConfig(
          2,
          1,
          1,
          0,
          288,
          List.of(
              "--enable-native-access=ALL-UNNAMED",
              "-XX:+UseSerialGC",
              "-XX:+ExitOnOutOfMemoryError"),
          List.of(),
          500,
          2000,
          3,
          10_000,
          30_000,
          100,
          30_000,
          5,
          60_000,
          10_000,
          1500,
          60_000,
          30_000,
          120_000);

  public WorkersConfig {
    javaOptions = List.copyOf(javaOptions);
    arguments = List.copyOf(arguments);
    range("local", local, 0, 64);
    range("stages", stages, 1, 16);
    range("ranks", ranks, 1, 16);
    range("threads", threads, 0, 256);
    range("heap-mb", heapMb, 128, 65_536);
    range("state-poll-ms", statePollMs, 50, 60_000);
    range("state-timeout-ms", stateTimeoutMs, 50, 60_000);
    range("eject-after", ejectAfter, 1, 100);
    range("canary-idle-ms", canaryIdleMs, 100, 3_600_000);
    range("canary-timeout-ms", canaryTimeoutMs, 100, 600_000);
    range("restart-first-ms", restartFirstMs, 0, 60_000);
    range("restart-max-ms", restartMaxMs, restartFirstMs, 3_600_000);
    range("crash-loop-exits", crashLoopExits, 2, 1000);
    range("crash-loop-window-ms", crashLoopWindowMs, 1000, 3_600_000);
    range("stop-ms", stopMs, 0, 600_000);
    range("unresponsive-ms", unresponsiveMs, 200, 600_000);
    range("hung-restart-ms", hungRestartMs, 0, 3_600_000);
    range("drain-grace-ms", drainGraceMs, 0, 3_600_000);
    range("restart-limit-ms", restartLimitMs, 1000, 3_600_000);
  }

  /** The same with an option more on a worker's command line, unless it has that. */
  public WorkersConfig withArgument(String option) {
    if (arguments.contains(option)) {
      return this;
    }
    List<String> more = new ArrayList<>(arguments);
    more.add(option);
    return new WorkersConfig(
        local,
        stages,
        ranks,
        threads,
        heapMb,
        javaOptions,
        more,
        statePollMs,
        stateTimeoutMs,
        ejectAfter,
        canaryIdleMs,
        canaryTimeoutMs,
        restartFirstMs,
        restartMaxMs,
        crashLoopExits,
        crashLoopWindowMs,
        stopMs,
        unresponsiveMs,
        hungRestartMs,
        drainGraceMs,
        restartLimitMs);
  }

  static void range(String name, long value, long low, long high) {
    if (value < low || value > high) {
      throw new IllegalArgumentException(
          name + " must be " + low + " to " + high + ", not " + value);
    }
  }
}
