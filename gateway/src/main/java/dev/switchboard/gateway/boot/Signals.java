package dev.switchboard.gateway.boot;

import java.io.IOException;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
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
 *
 * <p>A signal that is ignored when the JVM starts, as SIGHUP is under nohup, stays ignored: the JVM
 * takes the handler and never calls it. That is looked for, and the log tells.
 */
final class Signals {
  private static final Logger LOG = LoggerFactory.getLogger(Signals.class);

  private Signals() {}

  /** What Linux says of this process; nothing elsewhere. */
  private static List<String> status() {
    try {
      return Files.readAllLines(Path.of("/proc/self/status"));
    } catch (IOException e) {
      return List.of();
    }
  }

  /** Whether a process of that status ignores a signal. */
  static boolean ignored(List<String> status, int number) {
    return status.stream()
        .filter(line -> line.startsWith("SigIgn:"))
        .map(line -> new BigInteger(line.substring("SigIgn:".length()).strip(), 16))
        .anyMatch(mask -> mask.testBit(number - 1));
  }

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
        if (ignored(status(), (int) signal.getMethod("getNumber").invoke(named))) {
          LOG.warn("signal_ignored signal={}: whoever started the process has it ignored", name);
        }
      }
    } catch (ReflectiveOperationException e) {
      LOG.warn("signals_unheard: a termination cuts running requests, SIGHUP ends the process", e);
    }
  }
}
