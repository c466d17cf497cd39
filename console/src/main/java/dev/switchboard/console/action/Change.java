package dev.switchboard.console.action;

import dev.switchboard.console.api.Role;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * A change that a person may ask for.
 *
 * @param title as its button says, such as "Drain w0"
 * @param needs the least role that may ask for it
 * @param path of the admin API
 * @param version of what is changed, for If-Match; null where there is none
 * @param effects what is expected to come of it, a sentence each
 * @param risky whether requests or people feel it
 * @param agreement what a person has to agree to first, such as that nobody serves a model then;
 *     null for nothing beside the reason
 * @param revert how it is taken back once it is done; null where it cannot be
 * @param remake how it is made of what somebody else left there; null where it is the same then
 */
public record Change(
    String title,
    Role needs,
    String method,
    String path,
    @Nullable JsonNode body,
    @Nullable String version,
    List<String> effects,
    boolean risky,
    @Nullable String agreement,
    @Nullable Revert revert,
    @Nullable Remake remake) {

  /** Copies the list. */
  public Change {
    effects = List.copyOf(effects);
  }

  /** One that cannot be taken back. */
  public Change(
      String title,
      Role needs,
      String method,
      String path,
      @Nullable JsonNode body,
      @Nullable String version,
      List<String> effects,
      boolean risky) {
    this(title, needs, method, path, body, version, effects, risky, null, null, null);
  }

  /** One with nothing to agree to. */
  public Change(
      String title,
      Role needs,
      String method,
      String path,
      @Nullable JsonNode body,
      @Nullable String version,
      List<String> effects,
      boolean risky,
      @Nullable Revert revert) {
    this(title, needs, method, path, body, version, effects, risky, null, revert, null);
  }

  /** The same, and how it is taken back. */
  public Change revertedBy(Revert how) {
    return new Change(
        title, needs, method, path, body, version, effects, risky, agreement, how, remake);
  }

  /** The same, once a person has agreed to that; null for nothing to agree to. */
  public Change agreed(@Nullable String what) {
    return new Change(
        title, needs, method, path, body, version, effects, risky, what, revert, remake);
  }

  /** The same, and how it is made of what somebody else left there. */
  public Change remadeBy(Remake how) {
    return new Change(
        title, needs, method, path, body, version, effects, risky, agreement, revert, how);
  }

  /** The same of what is there now, with what that comes to. */
  public Change at(String now, List<String> effectsNow) {
    return new Change(
        title, needs, method, path, body, now, effectsNow, risky, agreement, revert, remake);
  }
}
