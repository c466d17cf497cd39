package dev.switchboard.console.models;

import dev.switchboard.console.action.Change;

/** What the gateway says to a change of a model before it is made. */
public sealed interface Planned {
  /** It can be made; its effects are the plan's. */
  record Possible(Change change) implements Planned {}

  /** The gateway would refuse it. */
  record Refused(String why) implements Planned {}
}
