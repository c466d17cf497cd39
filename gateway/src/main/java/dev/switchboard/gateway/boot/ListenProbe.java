package dev.switchboard.gateway.boot;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.List;
import java.util.function.Function;

/**
 * Finds out whether both listeners can be had, before workers are started for nothing. The port may
 * still be taken between this and the listening itself, which complains in the same words.
 */
final class ListenProbe {
  static final Listener API =
      new Listener(
          "API",
          "--bind, --port",
          config -> new InetSocketAddress(config.http().bind(), config.http().port()));
  static final Listener ADMIN =
      new Listener(
          "admin API",
          "admin.bind, --admin-port",
          config -> new InetSocketAddress(config.admin().bind(), config.admin().port()));

  /**
   * One of the gateway's listeners.
   *
   * @param settings that move it
   */
  record Listener(
      String name, String settings, Function<GatewayConfig, InetSocketAddress> address) {
    String complaint(GatewayConfig config, String reason) {
      InetSocketAddress wanted = address.apply(config);
      return String.format(
          "the %s cannot listen on %s:%d (%s): %s",
          name, wanted.getHostString(), wanted.getPort(), settings, reason);
    }
  }

  /** An address that cannot be listened on. */
  static final class NotListeningException extends IllegalStateException {
    private static final long serialVersionUID = 1L;

    NotListeningException(String complaint, Throwable cause) {
      super(complaint, cause);
    }
  }

  private ListenProbe() {}

  /**
   * Binds both for a moment.
   *
   * @param shared ports of a gateway that is taken over, on which both listen
   * @throws IllegalStateException naming the listener, its address and the settings that move it
   */
  static void check(GatewayConfig config, List<String> shared) {
    for (Listener listener : List.of(API, ADMIN)) {
      if (!shared.contains(Integer.toString(listener.address.apply(config).getPort()))) {
        check(listener, config);
      }
    }
  }

  private static void check(Listener listener, GatewayConfig config) {
    try (ServerSocket socket = new ServerSocket()) {
      socket.setReuseAddress(true);
      socket.bind(listener.address.apply(config));
    } catch (IOException e) {
      throw new NotListeningException(
          listener.complaint(config, String.valueOf(e.getMessage())), e);
    }
  }
}
