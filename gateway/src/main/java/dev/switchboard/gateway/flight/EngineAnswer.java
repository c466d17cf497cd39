package dev.switchboard.gateway.flight;

/**
 * What a replica said of an attempt when it was asked after the request, because the request's
 * answer had not told: it broke, moved or was given up.
 */
public sealed interface EngineAnswer {
  /** The fuller one of what was said before and this; of two that tell as much, this. */
  default EngineAnswer after(EngineAnswer before) {
    return choices() >= before.choices() ? this : before;
  }

  private int choices() {
    return switch (this) {
      case Reported told -> told.engine.timelines().size();
      case Missing _ -> 0;
    };
  }

  /** The same, but for the steps one by one. */
  default EngineAnswer withoutSteps() {
    return switch (this) {
      case Reported told -> new Reported(told.engine.withoutSteps());
      case Missing missing -> missing;
    };
  }

  /**
   * It told.
   *
   * @param engine on the gateway's clock
   */
  record Reported(PhaseBreakdown.Engine engine) implements EngineAnswer {}

  /** It did not, and why. */
  record Missing(Why why) implements EngineAnswer {}

  /** Why there is nothing. */
  enum Why {
    /** A server that keeps no timelines. */
    NO_TIMELINES("no_timelines"),
    /** Its process is not there, or the replica is unknown by now. */
    REPLICA_GONE("replica_gone"),
    /** It did not answer in time, or not as it should. */
    NO_ANSWER("no_answer"),
    /** It never had the request, or has not any more: it began anew or served many since. */
    UNKNOWN_THERE("unknown_there"),
    /** The request had not ended there. */
    NOT_ENDED("not_ended");

    private final String label;

    Why(String label) {
      this.label = label;
    }

    /** The word for it. */
    public String label() {
      return label;
    }
  }
}
