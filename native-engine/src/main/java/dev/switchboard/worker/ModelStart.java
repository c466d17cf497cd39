package dev.switchboard.worker;

import dev.switchboard.gguf.GgufException;
import dev.switchboard.timeline.EpochClock;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Loads a model and has it served. Whatever goes wrong in that is one failure with a reason: a
 * thread that only died of it would leave a process that loads for ever. On the main thread.
 */
final class ModelStart {
  private static final Logger LOG = LoggerFactory.getLogger(ModelStart.class);

  private ModelStart() {}

  /** Where the model comes from. */
  @FunctionalInterface
  interface Loading {
    ServedModel load() throws ModelLoadException;
  }

  /** Gives the model when the worker is ready. */
  static ServedModel serve(Worker worker, EpochClock clock, Loading loading)
      throws ModelLoadException {
    long begun = clock.nanos();
    try {
      ServedModel served = loading.load();
      worker.progress().loaded(clock.nanos() - begun);
      worker.serve(served).toCompletableFuture().get();
      return served;
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
      throw failure(stopped);
    } catch (ExecutionException | RuntimeException | Error broken) {
      throw failure(broken);
    }
  }

  /** Why the start failed, of whatever was thrown. */
  static ModelLoadException failure(Throwable thrown) {
    Throwable cause = thrown;
    while (isOfAnotherThread(cause) && cause.getCause() != null) {
      cause = cause.getCause();
    }
    if (cause instanceof ModelLoadException refused) {
      return refused;
    }
    if (cause instanceof OutOfMemoryError) {
      return new ModelLoadException(
          ModelLoadException.OUT_OF_MEMORY, "the Java heap is too small", cause);
    }
    LOG.error("start_failed", cause);
    // An InternalError is how the JVM reports a fault in a mapped file.
    return cause instanceof InternalError
        ? new ModelLoadException(
            GgufException.Reason.IO.word(), "the model's file changed while it was read", cause)
        : new ModelLoadException("internal", cause.toString(), cause);
  }

  private static boolean isOfAnotherThread(Throwable thrown) {
    return thrown instanceof ExecutionException || thrown instanceof CompletionException;
  }
}
