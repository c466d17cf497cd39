package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.stream.AnswerMemory;
import dev.switchboard.gateway.telemetry.LoopLateness;
import dev.switchboard.gateway.upstream.UpstreamClient;
import dev.switchboard.openai.RequestParser;
import dev.switchboard.timers.Timers;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.WorkerExecutor;
import io.vertx.core.http.HttpConnection;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;

/**
 * What the requests of one event loop share.
 *
 * @param client towards replicas
 * @param answers what whole answers take of the memory that the loop has for them
 * @param sockets asks the kernel
 * @param lateness when it did not run
 * @param running requests that have not ended; read on any thread
 * @param large works on large bodies, one at a time for all loops: thirty of them at once leave the
 *     loops their cores, and only one of their trees is in the heap
 */
record EventLoop(
    Vertx vertx,
    Timers timers,
    UpstreamClient client,
    AnswerMemory answers,
    RequestParser parser,
    KernelSocket sockets,
    LoopLateness lateness,
    Set<Exchange> running,
    WorkerExecutor large) {
  /** Of a body; with a larger one streams would wait. */
  private static final int MOST_BYTES = 32 << 10;

  /** Of a body that is worked on beside others; it takes about 10 ms. */
  static final int LARGE_BYTES = 256 << 10;

  /**
   * Something of an answer was read just now. Of what waited in its socket, for a loop that did not
   * run, the flight is told.
   */
  void read(HttpConnection from, Flight flight) {
    flight.unread(unread(from));
  }

  /** How long what was read just now waited for the loop to run. */
  long unread(HttpConnection from) {
    return lateness.lately() ? lateness.waited(sockets.unreadNanos(from)) : 0;
  }

  /** Works on a body, on another thread when it is long. */
  <T> Future<T> work(int bytes, Callable<T> work) {
    if (bytes > LARGE_BYTES) {
      return large.executeBlocking(work, false).map(Objects::requireNonNull);
    }
    if (bytes > MOST_BYTES) {
      return vertx.executeBlocking(work, false).map(Objects::requireNonNull);
    }
    try {
      return Future.succeededFuture(work.call());
    } catch (Exception broken) {
      return Future.failedFuture(broken);
    }
  }
}
