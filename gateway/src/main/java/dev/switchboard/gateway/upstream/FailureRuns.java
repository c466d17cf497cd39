package dev.switchboard.gateway.upstream;

import org.jspecify.annotations.Nullable;

/**
 * Requests at a replica in the order in which they began, as far as it takes to know which failures
 * are in a row: begun one after another, with no other in between than such as say nothing.
 *
 * <p>By the order of their ends, every long answer that began before a fault would interrupt the
 * row of those that fail by it; and among long answers, of which some fail at once, those few would
 * be a row before the others have ended. A request that still runs therefore parts the failures
 * before it from those behind it.
 *
 * <p>A list of places: of each request that runs, and one for all that ended alike between two
 * others. No row goes across a good answer, so failures between two of those are forgotten, and
 * between two requests that run there are three places at most. Each step takes a constant time.
 */
final class FailureRuns {
  private enum Kind {
    RUNS,
    FAILED,
    SERVED,
    GONE
  }

  /** Of a request, or of the neighbours that ended as it did. */
  static final class Place {
    private Kind kind = Kind.RUNS;
    private int failures;
    private @Nullable Place before;
    private @Nullable Place behind;
  }

  private @Nullable Place last;

  /** A request begins, behind all others. */
  Place begin() {
    Place place = new Place();
    place.before = last;
    if (last != null) {
      last.behind = place;
    }
    last = place;
    return place;
  }

  /** It ended, and says nothing. */
  void left(Place place) {
    if (place.kind == Kind.RUNS) {
      Place neighbour = place.before == null ? place.behind : place.before;
      remove(place);
      if (neighbour != null) {
        settle(neighbour);
      }
    }
  }

  /** It ended well: no row goes across it. */
  void served(Place place) {
    if (place.kind == Kind.RUNS) {
      place.kind = Kind.SERVED;
      settle(place);
    }
  }

  /**
   * It failed.
   *
   * @return how many are in a row with it
   */
  int failed(Place place) {
    if (place.kind != Kind.RUNS) {
      return 0;
    }
    place.kind = Kind.FAILED;
    place.failures = 1;
    join(place);
    int inRow = place.failures;
    settle(place);
    return inRow;
  }

  /** Puts in order what a change at a place may have brought together. */
  private void settle(Place place) {
    join(place);
    Place at = place;
    for (int i = 0; i < 3 && at != null; i++) {
      forgetBefore(at);
      at = at.behind;
    }
  }

  /** Makes one of neighbours that ended alike. */
  private void join(Place place) {
    absorb(place, place.before);
    absorb(place, place.behind);
  }

  private void absorb(Place place, @Nullable Place neighbour) {
    if (neighbour != null && neighbour.kind == place.kind && place.kind != Kind.RUNS) {
      place.failures += neighbour.failures;
      remove(neighbour);
    }
  }

  /** Failures before a good answer, and behind another one or nothing. */
  private void forgetBefore(Place served) {
    Place failed = served.before;
    if (served.kind == Kind.SERVED && failed != null && failed.kind == Kind.FAILED) {
      Place before = failed.before;
      if (before == null || before.kind == Kind.SERVED) {
        remove(failed);
        join(served);
      }
    }
  }

  private void remove(Place place) {
    place.kind = Kind.GONE;
    if (place.before != null) {
      place.before.behind = place.behind;
    }
    if (place.behind == null) {
      last = place.before;
    } else {
      place.behind.before = place.before;
    }
  }

  /** Places of the list. */
  int length() {
    int length = 0;
    for (Place place = last; place != null; place = place.before) {
      length++;
    }
    return length;
  }
}
