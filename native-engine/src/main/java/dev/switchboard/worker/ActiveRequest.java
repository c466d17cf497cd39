package dev.switchboard.worker;

import dev.switchboard.openai.ApiError;
import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timeline.RequestTimeline;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A request the engine works on, until its response is over and the engine has let go of it. */
interface ActiveRequest {

  String requestId();

  /** What its gateway calls it; null where it came from none. */
  @Nullable AttemptId attempt();

  long receivedNanos();

  /** Whether its answer has ended; the engine may still have to let go of it. */
  boolean isAnswered();

  /** Of what the engine has ended for it. */
  List<RequestTimeline> timelines();

  /** How many places it had in the engine's queue: none where the engine refused it. */
  int generations();

  /** What it has of the room for vectors, until it retires. */
  default long vectorBytes() {
    return 0;
  }

  /** Ends the response with an error and stops computing. */
  void abort(ApiError error);
}
