package dev.switchboard.gateway.fleet;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;

/**
 * What drills do to the processes of workers; only to those that this gateway runs. Answers come on
 * the fleet's thread.
 */
public final class ProcessDrills {
  private final Fleet fleet;

  ProcessDrills(Fleet fleet) {
    this.fleet = fleet;
  }

  /** What is done to a worker on the fleet's thread. */
  private interface Deed {
    void done(LocalWorker worker) throws IOException;
  }

  /** Kills a worker's process as if it had crashed; its restart follows. */
  public CompletableFuture<Void> kill(Replica replica) {
    return onWorker(replica, LocalWorker::crash);
  }

  /** Has a worker's process stand still until {@link #proceed}, and not much longer than this. */
  public CompletableFuture<Void> suspend(Replica replica, long mostMs) {
    return onWorker(replica, worker -> worker.suspend(mostMs));
  }

  /** Has a worker's process go on, if it stands still. */
  public CompletableFuture<Void> proceed(Replica replica) {
    return onWorker(replica, LocalWorker::proceed);
  }

  private CompletableFuture<Void> onWorker(Replica replica, Deed deed) {
    LocalWorker worker = fleet.worker(replica);
    if (worker == null) {
      return CompletableFuture.failedFuture(new IOException("it is no process of this gateway"));
    }
    try {
      return CompletableFuture.runAsync(
          () -> {
            try {
              deed.done(worker);
            } catch (IOException e) {
              throw new CompletionException(e);
            }
          },
          fleet.executor());
    } catch (RejectedExecutionException e) {
      return CompletableFuture.failedFuture(new IOException("the fleet stops", e));
    }
  }
}
