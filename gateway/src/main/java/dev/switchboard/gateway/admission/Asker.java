package dev.switchboard.gateway.admission;

/**
 * By what a request is known when it comes again.
 *
 * @param request what it asks; 0 for none, which is not known again
 * @param client who asks: one may not have all turns that are kept
 */
public record Asker(long request, long client) {
  /** Whoever is not known again. */
  public static final Asker NOBODY = new Asker(0, 0);
}
