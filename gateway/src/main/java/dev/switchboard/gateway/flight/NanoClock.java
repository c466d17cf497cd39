package dev.switchboard.gateway.flight;

/**
 * The gateway's clock. It has two times, because the wall clock of a machine can be stepped while
 * the gateway runs, by NTP or after it was suspended:
 *
 * <ul>
 *   <li>{@link #epochNanos} is for every interval: timeouts, ages, rates, backoffs, everything that
 *       the fleet, admission and the circuits compare. It never steps, so it drifts from the wall
 *       clock by what that was stepped since the process began.
 *   <li>{@link #wallMs} is for the calendar: days and months of quotas, the expiry of keys, what
 *       the store keeps and what other gateways compare. It follows each step, also backwards, so
 *       no interval is measured with it.
 * </ul>
 *
 * <p>A request has a third one, {@link #anchored}: it is told in wall time and must not step while
 * it runs. Its moments are of another origin than the gateway's, and are turned into those before
 * they are compared ({@link Flight#gatewayNanos}).
 */
@FunctionalInterface
public interface NanoClock {
  /** Unix epoch nanoseconds, as far as was known when the process began; they never step. */
  long epochNanos();

  /** Unix epoch milliseconds of the wall clock as it stands now. */
  default long wallMs() {
    return epochNanos() / 1_000_000;
  }

  /**
   * A clock that runs like this one and began at another wall time.
   *
   * @param aheadNanos what it shows more than this one, always
   */
  record Anchored(NanoClock clock, long aheadNanos) {}

  /**
   * The same clock, anchored to the wall time of now. A request takes one, so that its marks agree
   * with spans that others start now, however far the wall clock was slewed or stepped since the
   * process began.
   */
  default Anchored anchored() {
    return new Anchored(this, 0);
  }
}
