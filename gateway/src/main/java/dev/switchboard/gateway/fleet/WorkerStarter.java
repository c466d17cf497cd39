package dev.switchboard.gateway.fleet;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.function.Consumer;
import java.util.function.IntConsumer;

/** Starts workers: as processes, or in a simulation as something that behaves like one. */
@FunctionalInterface
public interface WorkerStarter {

  /**
   * Starts one.
   *
   * @param line called with each line that it logs, in order
   * @param event called with each event it tells of itself, in order
   * @param exited called once with its exit status, after its last event
   */
  Running start(
      String id, Launch launch, Consumer<String> line, Consumer<JsonNode> event, IntConsumer exited)
      throws IOException;

  /** A worker that was started. */
  interface Running {
    long pid();

    /** Asks it to finish and stop. */
    void terminate();

    /** Ends it at once, if it still runs. */
    void kill();

    /**
     * Has it stand still until {@link #proceed}, and in any case not much longer than this, be this
     * process still there or not.
     */
    void suspend(long mostMs) throws IOException;

    /** Has it go on, if it stands still; so does {@link #terminate}. */
    void proceed();

    /** Waits for its end, and kills it when it takes too long. */
    void awaitEnd(long millis) throws InterruptedException;
  }
}
