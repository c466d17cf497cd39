package dev.switchboard.testing;

import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.MultiMap;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A request of which a test is the client: it sends the body piece by piece, reads the answer, or
 * does not. It notes what the server does with it.
 */
public final class HandRequest {
  private final MultiMap headers = MultiMap.caseInsensitiveMultiMap();
  private final Map<String, Handler<Object>> handlers = new HashMap<>();
  private final List<String> done = new ArrayList<>();
  private final StringBuilder answer = new StringBuilder();
  private final HttpConnection connection = HandVertx.fake(HttpConnection.class, this::connection);
  private final HttpServerResponse response =
      HandVertx.fake(HttpServerResponse.class, this::response);
  private final HttpServerRequest request = HandVertx.fake(HttpServerRequest.class, this::request);
  private boolean full;
  private boolean ended;
  private int status = 200;

  public HandRequest header(String name, String value) {
    headers.set(name, value);
    return this;
  }

  public HttpServerRequest request() {
    return request;
  }

  // ------------------------------------------------------------------ what the client does

  /** Sends a part of the body. */
  public void sends(String part) {
    tell("request handler", Buffer.buffer(part));
  }

  /** The body is at its end. */
  public void ends() {
    tell("request endHandler", null);
  }

  /** The request breaks. */
  public void breaks(Throwable cause) {
    tell("request exceptionHandler", cause);
  }

  /** Closes its connection. */
  public void leaves() {
    tell("response closeHandler", null);
  }

  /** Whether it takes nothing more for now. */
  public void full(boolean value) {
    full = value;
  }

  @SuppressWarnings("NullAway") // an end has no event
  private void tell(String whom, @Nullable Object event) {
    Handler<Object> handler = handlers.get(whom);
    if (handler != null) {
      handler.handle(event);
    }
  }

  // ------------------------------------------------------------------ what the server did

  /** What it did with the request and its connection, in order. */
  public List<String> done() {
    return List.copyOf(done);
  }

  /** What it answered since this was asked last. */
  public String answer() {
    String told = answer.toString();
    answer.setLength(0);
    return told;
  }

  public boolean ended() {
    return ended;
  }

  /** Of the answer. */
  public int status() {
    return status;
  }

  private @Nullable Object request(Object proxy, Method method, Object[] arguments) {
    return switch (method.getName()) {
      case "headers" -> headers;
      case "getHeader" -> headers.get(String.valueOf(arguments[0]));
      case "response" -> response;
      case "connection" -> connection;
      case "pause", "resume" -> noted(method.getName(), proxy);
      default -> other("request ", proxy, method, arguments);
    };
  }

  private @Nullable Object response(Object proxy, Method method, Object[] arguments) {
    switch (method.getName()) {
      case "writeContinue" -> {
        return noted("continue", Future.succeededFuture());
      }
      case "setStatusCode" -> status = (int) arguments[0];
      case "write", "end" -> {
        answer.append(arguments == null ? "" : arguments[0]);
        ended |= method.getName().equals("end");
        return Future.succeededFuture();
      }
      case "ended" -> {
        return ended;
      }
      case "writeQueueFull" -> {
        return full;
      }
      default -> {
        return other("response ", proxy, method, arguments);
      }
    }
    return proxy;
  }

  private @Nullable Object connection(Object proxy, Method method, Object[] arguments) {
    if (!method.getName().equals("close")) {
      return other("connection ", proxy, method, arguments);
    }
    done.add("close");
    return Future.succeededFuture();
  }

  private Object noted(String what, Object result) {
    done.add(what);
    return result;
  }

  /** Keeps what handlers it is given; all else says nothing. */
  @SuppressWarnings({"unchecked", "ReferenceEquality"}) // each handler gets what it takes
  private @Nullable Object other(String of, Object proxy, Method method, Object[] arguments) {
    if (arguments != null && arguments.length == 1 && arguments[0] instanceof Handler<?> handler) {
      handlers.put(of + method.getName(), (Handler<Object>) handler);
    }
    return switch (method.getName()) {
      case "hashCode" -> System.identityHashCode(proxy);
      case "equals" -> proxy == arguments[0];
      default ->
          method.getReturnType() == boolean.class
              ? (Object) false
              : method.getReturnType().isInstance(proxy) ? proxy : null;
    };
  }
}
