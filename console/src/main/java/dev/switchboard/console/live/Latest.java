package dev.switchboard.console.live;

/**
 * The answer to a question whose path goes on with the time, as one for the last hour: until the
 * new path is answered, what the path before it answered holds. Of one session.
 */
public final class Latest {
  private Shared last = Shared.NOTHING_YET;

  public Latest() {}

  /**
   * What is known.
   *
   * @param read of the path as it is now
   */
  public Shared of(Shared read) {
    if (read.answer() != null) {
      last = read;
    } else if (read.why() != null) {
      last = read.after(last);
    }
    return last;
  }

  /** Another question is asked from now on. */
  public void forget() {
    last = Shared.NOTHING_YET;
  }
}
