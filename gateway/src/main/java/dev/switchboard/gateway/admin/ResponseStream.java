package dev.switchboard.gateway.admin;

import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Writes an answer from another thread than its event loop, no faster than the client reads: at
 * most one piece waits.
 */
final class ResponseStream extends OutputStream {
  private static final int PIECE_BYTES = 64 << 10;

  private final Context context;
  private final HttpServerResponse response;
  private final long patienceMs;
  private Buffer piece = Buffer.buffer();

  /**
   * @param patienceMs how long a client may take for a piece
   */
  ResponseStream(Context context, HttpServerResponse response, long patienceMs) {
    this.context = context;
    this.response = response;
    this.patienceMs = patienceMs;
  }

  @Override
  public void write(int one) throws IOException {
    write(new byte[] {(byte) one}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    piece.appendBytes(bytes, offset, length);
    if (piece.length() >= PIECE_BYTES) {
      flush();
    }
  }

  @Override
  public void flush() throws IOException {
    if (piece.length() > 0) {
      Buffer next = piece;
      piece = Buffer.buffer();
      await(next, false);
    }
  }

  @Override
  public void close() throws IOException {
    Buffer last = piece;
    piece = Buffer.buffer();
    await(last, true);
  }

  private void await(Buffer next, boolean ends) throws IOException {
    Promise<Void> written = Promise.promise();
    context.runOnContext(
        begun -> {
          Future<Void> done = ends ? response.end(next) : response.write(next);
          done.onComplete(written);
        });
    try {
      Object _ =
          written
              .future()
              .toCompletionStage()
              .toCompletableFuture()
              .get(patienceMs, TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw new IOException("the client is gone", e);
    } catch (TimeoutException e) {
      throw new IOException("the client does not read", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }
}
