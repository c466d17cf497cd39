package dev.switchboard.gateway.shared;

/**
 * One request of this gateway under limits that gateways share. Guarded by {@link SharedLeases}.
 *
 * <p>States, and what leads from one to another:
 *
 * <pre>
 *   ASKED ──admitted─────────────▶ HELD    LOOSE ──over──▶ ENDED, or gone while nobody answers
 *     ├────refused, no answer────▶ LOOSE   HELD ───over──▶ ENDED
 *     ├────over──────────────────▶ LEFT    ENDED ──sent──▶ TOLD
 *     └────refusal heard─────────▶ gone    TOLD ───heard─▶ gone; no answer ▶ ENDED
 *   LEFT ──any answer, or none──▶ ENDED
 * </pre>
 *
 * <p>A request need not wait for its answer in order to run: one that came too late finds it LOOSE,
 * or still ASKED, under the gateway's own limits. When that is over before the answer, the answer
 * is awaited, so that the end cannot overtake the entry.
 */
final class SharedLease {
  enum State {
    /** The entry is on its way. */
    ASKED,
    /** It runs, and as far as is known the server has not heard of it. */
    LOOSE,
    /** It runs, and the server holds its place and its tokens. */
    HELD,
    /** It is over, and its entry still on its way. */
    LEFT,
    /** It is over, which the server is to hear. */
    ENDED,
    /** It is over, and word of that is on its way. */
    TOLD
  }

  final String tenant;
  final long number;

  /** How many requests at once it counts for. */
  final int places;

  State state;

  /** Whether it went on because the server let it in. */
  boolean counted;

  /** Whether the server may have heard that it is over. */
  boolean charged;

  long used;
  boolean served;

  SharedLease(String tenant, long number, int places, State state) {
    this.tenant = tenant;
    this.number = number;
    this.places = places;
    this.state = state;
  }

  /** Whether it has its place until its request is over. */
  boolean runs() {
    return state == State.LOOSE || state == State.HELD;
  }
}
