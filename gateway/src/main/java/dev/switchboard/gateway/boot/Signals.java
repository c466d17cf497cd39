package dev.switchboard.gateway.boot;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hears signals: SIGTERM and SIGINT before the JVM begins to shut down, and SIGHUP.
 *
 * <p>For the first two a shutdown hook would be too late: hooks run at the same time, so the
 * agent's would close the span exporter while requests still finish, and the process would end with
 * status 143. The signal classes of {@code jdk.unsupported} have no supported successor; they are
 * reached by reflection, since javac warns about them whatever one suppresses.
 */
final class Signals {
  private static final Logger LOG = LoggerFactory.getLogger(Signals.class);

  private Signals() {}

  /** Runs the action at each signal, on the JVM's signal thread; it must not block. */
  static void onEach(List<String> names, Runnable action) {
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      InvocationHandler invocation =
          (proxy, method, arguments) -> {
            action.run();
            return null;
          };
      Object listener =
          Proxy.newProxyInstance(handler.getClassLoader(), new Class<?>[] {handler}, invocation);
      for (String name : names) {
        Object named = signal.getConstructor(String.class).newInstance(name);
        Object _ = signal.getMethod("handle", signal, handler).invoke(null, named, listener);
      }
    } catch (ReflectiveOperationException e) {
      LOG.warn("signals_unheard: a termination cuts running requests, SIGHUP ends the process", e);
    }
  }
}
