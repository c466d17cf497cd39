package dev.switchboard.console;

import dev.switchboard.console.action.Changes;
import dev.switchboard.console.api.Trust;
import dev.switchboard.console.auth.SignIn;
import dev.switchboard.console.auth.Users;
import dev.switchboard.console.live.Gateways;
import dev.switchboard.console.live.History;
import dev.switchboard.console.ui.OpenPages;
import dev.switchboard.console.ui.Services;
import dev.switchboard.console.web.WebServer;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The running console: users, gateways, web server. */
public final class Console implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Console.class);

  private final String url;
  private final StateFolder state;
  private final SignIn signIn;
  private final Gateways gateways;
  private final @Nullable History history;
  private final WebServer web;

  private Console(
      String url,
      StateFolder state,
      SignIn signIn,
      Gateways gateways,
      @Nullable History history,
      WebServer web) {
    this.url = url;
    this.state = state;
    this.signIn = signIn;
    this.gateways = gateways;
    this.history = history;
    this.web = web;
  }

  /** Starts all of it; returns when pages are answered. */
  public static Console start(Settings settings) throws IOException {
    StateFolder state = StateFolder.open(settings.state());
    try {
      return start(settings, state);
    } catch (IOException e) {
      state.close();
      throw e;
    }
  }

  private static Console start(Settings settings, StateFolder state) throws IOException {
    Clock clock = Clock.systemUTC();
    SignIn signIn = new SignIn(Users.open(state.path(), clock), clock);
    Gateways gateways =
        Gateways.start(settings.gateways(), settings.keys(), trust(settings), state.path(), clock);
    URI prometheus = settings.prometheus();
    History history = prometheus == null ? null : new History(prometheus, clock, gateways::changed);
    Services.install(
        new Services(
            gateways,
            signIn,
            Changes.checked(),
            clock,
            ConsoleMain.Version.of(),
            settings.traceUrl(),
            history,
            settings.idle()));
    try {
      WebServer web =
          WebServer.start(
              settings.listen(),
              settings.port(),
              settings.hosts(),
              settings.behindTls(),
              settings.tls(),
              settings.idle());
      String host =
          settings.listen().contains(":") ? "[" + settings.listen() + "]" : settings.listen();
      String url = (settings.tls() == null ? "http://" : "https://") + host + ":" + web.port();
      LOG.info(
          "ready url={} gateways={} state={}",
          url,
          settings.gateways().size(),
          state.path().toAbsolutePath());
      return new Console(url, state, signIn, gateways, history, web);
    } catch (IOException e) {
      gateways.close();
      throw e;
    }
  }

  private static @Nullable SSLContext trust(Settings settings) throws IOException {
    Path file = settings.gatewayCa();
    try {
      return file == null ? null : Trust.of(file);
    } catch (IOException e) {
      throw new IOException("--gateway-ca: " + e.getMessage(), e);
    }
  }

  public String url() {
    return url;
  }

  /** One line of JSON for whoever started it: the address, and how the first admin is made. */
  String readyLine() {
    ObjectNode line = JsonMapper.shared().createObjectNode();
    line.put("event", "ready").put("url", url);
    @Nullable String token = signIn.firstRunToken();
    if (token != null) {
      line.put("first_run_token", token).put("first_run_url", url + "/first-run?token=" + token);
    }
    return line.toString();
  }

  /**
   * First nothing is told to pages any more, then they are closed, then the server: so no open
   * socket is cut off, and nothing is sent to one that is.
   */
  @Override
  public void close() {
    web.stopping();
    gateways.close();
    if (history != null) {
      history.close();
    }
    OpenPages.closeAll();
    web.close();
    try {
      state.close();
    } catch (IOException e) {
      LOG.warn("state_not_closed message=\"{}\"", e.getMessage());
    }
    LOG.info("stopped");
  }
}
