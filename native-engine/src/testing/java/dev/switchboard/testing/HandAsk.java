package dev.switchboard.testing;

import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.RequestOptions;
import java.lang.reflect.Method;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a server was asked, by which a test answers, or does not. */
public final class HandAsk {
  private final RequestOptions options;
  private final long nanos;
  private final Promise<HttpClientResponse> answer = Promise.promise();
  private final Map<String, Handler<Object>> handlers = new HashMap<>();
  private final Map<String, String> headers = new HashMap<>();
  private final HttpClientRequest request = HandVertx.fake(HttpClientRequest.class, this::request);
  private final HttpClientResponse response =
      HandVertx.fake(HttpClientResponse.class, this::response);
  private int status;
  private int resets;

  HandAsk(RequestOptions options, long nanos) {
    this.options = options;
    this.nanos = nanos;
  }

  HttpClientRequest request() {
    return request;
  }

  /** Method and target. */
  public String what() {
    return options.getMethod() + " " + options.getURI();
  }

  /** When it was asked. */
  public long nanos() {
    return nanos;
  }

  /** Whether the client gave it up. */
  public boolean reset() {
    return resets > 0;
  }

  // ------------------------------------------------------------------ what the server does

  /** Of the answer that comes. */
  public HandAsk header(String name, String value) {
    headers.put(name, value);
    return this;
  }

  /** Answers with a head. */
  public HandAsk answers(int code) {
    status = code;
    answer.complete(response);
    return this;
  }

  /** Sends a part of the answer. */
  public HandAsk says(String part) {
    tell("handler", Buffer.buffer(part));
    return this;
  }

  /** The answer is at its end. */
  public void ends() {
    tell("endHandler", null);
  }

  /** There is no answer, or it breaks. */
  public void breaks(Throwable cause) {
    if (!answer.tryFail(cause)) {
      tell("exceptionHandler", cause);
    }
  }

  @SuppressWarnings("NullAway") // an end has no event
  private void tell(String whom, @Nullable Object event) {
    Handler<Object> handler = handlers.get(whom);
    if (handler != null) {
      handler.handle(event);
    }
  }

  private Object request(Object proxy, Method method, Object @Nullable [] arguments) {
    return switch (method.getName()) {
      case "send" -> answer.future();
      case "reset" -> Future.succeededFuture(++resets);
      default -> proxy;
    };
  }

  @SuppressWarnings("unchecked") // each handler gets what it takes
  private @Nullable Object response(Object proxy, Method method, Object @Nullable [] arguments) {
    if (arguments != null && arguments[0] instanceof Handler<?> handler) {
      handlers.put(method.getName(), (Handler<Object>) handler);
    }
    return switch (method.getName()) {
      case "statusCode" -> status;
      case "request" -> request;
      case "getHeader" -> arguments == null ? null : headers.get(String.valueOf(arguments[0]));
      default -> proxy;
    };
  }
}
