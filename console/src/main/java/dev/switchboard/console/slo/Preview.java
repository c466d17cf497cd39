package dev.switchboard.console.slo;

import dev.switchboard.console.action.Change;

/** What the last day would have come to with other targets. */
public sealed interface Preview {
  /** It can be put; its effects say what the last day would have come to. */
  record Possible(Change change) implements Preview {}

  /** The gateway would refuse it. */
  record Refused(String why) implements Preview {}
}
