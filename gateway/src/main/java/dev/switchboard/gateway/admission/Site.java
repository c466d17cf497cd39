package dev.switchboard.gateway.admission;

/** A replica: what it takes, and what it has. */
final class Site {
  ConcurrencyLimit limit;
  ConcurrencyLimit firstTokens;
  int most = Integer.MAX_VALUE;
  boolean ready;
  int running;
  int unanswered;

  Site(ConcurrencyLimit limit, ConcurrencyLimit firstTokens) {
    this.limit = limit;
    this.firstTokens = firstTokens;
  }

  /**
   * Requests that it takes beside those it has before they queue there; less than 0 where they
   * queue already, since routing may know why.
   */
  int free() {
    return Math.min(Math.min(most, limit.limit()) - running, firstTokens.limit() - unanswered);
  }
}
