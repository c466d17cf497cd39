package dev.switchboard.scheduler;

import java.util.List;

/** One model, ready to generate. Every method may be called from any thread and returns at once. */
public interface Engine extends AutoCloseable {

  /**
   * Enqueues a generation. The listener is called on the engine thread and must hand over, not
   * work.
   *
   * @throws RejectedGenerationException when it can never run (longer than the context, larger than
   *     the KV pool) or the queue is full
   */
  Generation submit(GenerationRequest request, GenerationListener listener);

  EngineLoad load();

  EngineHealth health();

  /** The steps that ended last, oldest first; at most so many, and no more than are kept. */
  List<EngineStep> steps(int last);

  /** Fails what still runs with {@code shutdown}, stops the thread and frees the executor. */
  @Override
  void close();

  /** A submitted generation. */
  interface Generation {
    /**
     * Stops it: no step planned after this call computes it, and its KV is freed when the steps in
     * flight return.
     */
    void cancel();
  }
}
