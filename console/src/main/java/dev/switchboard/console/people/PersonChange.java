package dev.switchboard.console.people;

import java.util.List;

/**
 * A change of who may sign in.
 *
 * @param title as its button says, such as "Remove bob"
 * @param did as the log says
 * @param effects what is expected to come of it, a sentence each
 * @param risky whether somebody loses something by it
 * @param done does it; throws {@link IllegalArgumentException} where it will not do, and {@link
 *     java.io.UncheckedIOException} where it cannot be kept; then nothing was done
 */
public record PersonChange(
    String title, String did, List<String> effects, boolean risky, Runnable done) {
  /** Copies the list. */
  public PersonChange {
    effects = List.copyOf(effects);
  }
}
