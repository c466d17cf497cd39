package dev.switchboard.gateway.stream;

import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientResponse;

/** Collects an upstream's body in bounded memory. */
public final class WholeAnswer {
  private WholeAnswer() {}

  /**
   * The body; fails when it is larger than allowed or the connection breaks.
   *
   * @param share counts its bytes
   */
  public static Future<Buffer> collect(
      HttpClientResponse response, int maxBytes, AnswerMemory.Share share) {
    Promise<Buffer> promise = Promise.promise();
    Pieces body = new Pieces();
    response.handler(
        chunk -> {
          if (body.length() + chunk.length() > maxBytes) {
            promise.tryFail("the answer is larger than " + maxBytes + " bytes");
            response.request().reset();
          } else {
            body.add(chunk);
            share.took(chunk.length());
          }
        });
    response.exceptionHandler(promise::tryFail);
    response.endHandler(
        nothing -> {
          share.complete();
          promise.tryComplete(body.joined());
        });
    return promise.future();
  }
}
