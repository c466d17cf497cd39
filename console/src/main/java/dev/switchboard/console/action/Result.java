package dev.switchboard.console.action;

import tools.jackson.databind.JsonNode;

/** What became of a change. */
public sealed interface Result {
  /** The gateway did it, and answered this. */
  record Done(JsonNode answer) implements Result {}

  /** The person's role may not do this; the gateway was not asked. */
  record Denied(String why) implements Result {}

  /** The gateway did not do it, since somebody changed the same thing meanwhile. */
  record Stale(String why) implements Result {}

  /** The gateway was asked and did not do it, or nobody knows. */
  record Failed(String why) implements Result {}
}
