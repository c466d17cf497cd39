package dev.switchboard.testing;

import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClientAgent;
import io.vertx.core.http.RequestOptions;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/**
 * A Vert.x that has no threads and no sockets. What is handed to an event loop runs when the time
 * is moved, what may block runs at once, and of what its HTTP clients ask the test is the server.
 */
public final class HandVertx {
  private final HandTimers time;
  private final List<HandAsk> asked = new ArrayList<>();
  private final Vertx vertx = fake(Vertx.class, this::vertx);
  private final HttpClientAgent client = fake(HttpClientAgent.class, this::client);

  public HandVertx(HandTimers time) {
    this.time = time;
  }

  public Vertx vertx() {
    return vertx;
  }

  /** What was asked since this was asked last. */
  public List<HandAsk> asked() {
    List<HandAsk> told = List.copyOf(asked);
    asked.clear();
    return told;
  }

  static <T> T fake(Class<T> type, InvocationHandler handler) {
    return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
  }

  private @Nullable Object vertx(Object proxy, Method method, Object @Nullable [] arguments)
      throws Exception {
    return switch (method.getName()) {
      case "createHttpClient" -> client;
      case "executeBlocking" -> blocking(arguments);
      default -> other(proxy, method, arguments);
    };
  }

  private static Future<?> blocking(Object @Nullable [] arguments) {
    if (arguments == null || !(arguments[0] instanceof Callable<?> task)) {
      throw new AssertionError("nothing to be done");
    }
    try {
      return Future.succeededFuture(task.call());
    } catch (Exception failed) {
      return Future.failedFuture(failed);
    }
  }

  private @Nullable Object client(Object proxy, Method method, Object @Nullable [] arguments)
      throws Exception {
    if (arguments != null && arguments[0] instanceof RequestOptions options) {
      HandAsk ask = new HandAsk(options, time.nanos());
      asked.add(ask);
      return Future.succeededFuture(ask.request());
    }
    return other(proxy, method, arguments);
  }

  /** Whatever else it is asked for is as little, and does nothing. */
  @SuppressWarnings("NullAway") // what a handler of no event gets
  private @Nullable Object other(Object proxy, Method method, Object @Nullable [] arguments) {
    if (method.getName().equals("runOnContext")
        && arguments != null
        && arguments[0] instanceof Handler<?> task) {
      time.execute(() -> task.handle(null));
    }
    Class<?> type = method.getReturnType();
    if (type.equals(Future.class)) {
      return Future.succeededFuture();
    }
    return type.isInterface() ? fake(type, this::other) : type == boolean.class ? false : null;
  }
}
