package dev.switchboard.gateway.http;

import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;

/**
 * Writes a whole body piece by piece: a client that reads slowly shows that it does, one that does
 * not read is told apart from it, and no more than the queue's bound waits in the socket.
 */
final class PieceWriter {
  private static final int PIECE_BYTES = 32 << 10;

  private final HttpServerResponse response;
  private final Buffer body;
  private final Runnable progress;
  private final Promise<Void> sent = Promise.promise();
  private int written;

  private PieceWriter(HttpServerResponse response, Buffer body, Runnable progress) {
    this.response = response;
    this.body = body;
    this.progress = progress;
  }

  /**
   * Writes a body and ends the response.
   *
   * @param progress run whenever the client took a part of it
   * @return succeeds when the last byte went out
   */
  static Future<Void> write(HttpServerResponse response, Buffer body, Runnable progress) {
    if (body.length() <= PIECE_BYTES) {
      return response.end(body);
    }
    response.putHeader("Content-Length", Integer.toString(body.length()));
    PieceWriter writer = new PieceWriter(response, body, progress);
    writer.goOn();
    return writer.sent.future();
  }

  private void goOn() {
    while (body.length() - written > PIECE_BYTES && !sent.future().failed()) {
      if (response.writeQueueFull()) {
        response.drainHandler(
            drained -> {
              response.drainHandler(null);
              progress.run();
              goOn();
            });
        return;
      }
      response.write(body.slice(written, written + PIECE_BYTES)).onFailure(sent::tryFail);
      written += PIECE_BYTES;
    }
    if (sent.future().failed()) {
      return;
    }
    response.end(body.slice(written, body.length())).onComplete(sent::tryComplete, sent::tryFail);
  }
}
