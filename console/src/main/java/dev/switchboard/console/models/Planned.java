package dev.switchboard.console.models;

import dev.switchboard.console.action.Change;
import dev.switchboard.console.action.Remake;
import dev.switchboard.console.action.Revert;

/** What the gateway says to a change of a model before it is made. */
public sealed interface Planned {
  /** The same, and how it is taken back where it can be made. */
  default Planned revertedBy(Revert how) {
    return this instanceof Possible possible
        ? new Possible(possible.change().revertedBy(how))
        : this;
  }

  /** The same, and how it is made of what somebody else left there. */
  default Planned remadeBy(Remake how) {
    return this instanceof Possible possible ? new Possible(possible.change().remadeBy(how)) : this;
  }

  /** It can be made; its effects are the plan's. */
  record Possible(Change change) implements Planned {}

  /** The gateway would refuse it. */
  record Refused(String why) implements Planned {}
}
