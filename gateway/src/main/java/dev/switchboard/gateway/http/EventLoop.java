package dev.switchboard.gateway.http;

import dev.switchboard.gateway.stream.AnswerMemory;
import dev.switchboard.gateway.upstream.UpstreamClient;
import dev.switchboard.openai.RequestParser;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;

/**
 * What the requests of one event loop share.
 *
 * @param client towards replicas
 * @param answers what whole answers take of the memory that the loop has for them
 * @param sockets of clients
 * @param running requests that have not ended; read on any thread
 */
record EventLoop(
    Vertx vertx,
    UpstreamClient client,
    AnswerMemory answers,
    RequestParser parser,
    ClientSocket sockets,
    Set<Exchange> running) {
  /** Of a body; with a larger one streams would wait. */
  private static final int MOST_BYTES = 32 << 10;

  /** Works on a body, on another thread when it is long. */
  <T> Future<T> work(int bytes, Callable<T> work) {
    if (bytes > MOST_BYTES) {
      return vertx.executeBlocking(work, false).map(Objects::requireNonNull);
    }
    return Future.future(
        promise -> {
          try {
            promise.complete(work.call());
          } catch (Exception broken) {
            promise.fail(broken);
          }
        });
  }
}
