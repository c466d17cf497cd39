package dev.switchboard.console.web;

import com.vaadin.flow.server.VaadinServlet;
import dev.switchboard.console.ui.Visit;
import jakarta.servlet.DispatcherType;
import jakarta.servlet.SessionTrackingMode;
import java.io.IOException;
import java.time.Duration;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.atmosphere.cpr.ApplicationConfig;
import org.eclipse.jetty.ee11.servlet.FilterHolder;
import org.eclipse.jetty.ee11.servlet.ServletHolder;
import org.eclipse.jetty.ee11.servlet.SessionHandler;
import org.eclipse.jetty.ee11.webapp.WebAppContext;
import org.eclipse.jetty.ee11.websocket.jakarta.server.config.JakartaWebSocketServletContainerInitializer;
import org.eclipse.jetty.http.HttpCookie;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.NetworkConnectionLimit;
import org.eclipse.jetty.server.SecureRequestCustomizer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.resource.ResourceFactory;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.jspecify.annotations.Nullable;

/** Jetty with Vaadin's servlet and nothing else in it. */
public final class WebServer implements AutoCloseable {
  private static final int THREADS_MAX = 64;
  private static final int CONNECTIONS_MAX = 1000;
  private static final int HEAD_BYTES_MAX = 16384;
  private static final List<String> OWN_NAMES = List.of("localhost", "127.0.0.1", "[::1]", "::1");

  private final Server server;
  private final ServerConnector connector;
  private volatile boolean stopping;

  private WebServer(Server server, ServerConnector connector) {
    this.server = server;
    this.connector = connector;
  }

  /**
   * Listens, and answers when this returns.
   *
   * @param hosts further names by which it may be called
   * @param proxy whether a proxy that speaks TLS is before it
   * @param tls what it speaks TLS by; null for none
   */
  public static WebServer start(
      String address, int port, Set<String> hosts, boolean proxy, @Nullable Tls tls, Duration idle)
      throws IOException {
    QueuedThreadPool threads = new QueuedThreadPool(THREADS_MAX, 4);
    threads.setName("web");
    Server server = new Server(threads);
    ServerConnector connector = connector(server, http(proxy), tls);
    connector.setHost(address);
    connector.setPort(port);
    server.addConnector(connector);
    server.addBean(new NetworkConnectionLimit(CONNECTIONS_MAX, server));
    WebServer web = new WebServer(server, connector);
    server.setErrorHandler(new PlainErrors());
    server.setHandler(web.context(names(address, hosts), proxy || tls != null, idle));
    try {
      server.start();
    } catch (Exception e) {
      web.close();
      throw new IOException("cannot listen on " + address + ":" + port + ": " + cause(e), e);
    }
    return web;
  }

  private static ServerConnector connector(Server server, HttpConfiguration http, @Nullable Tls tls)
      throws IOException {
    if (tls == null) {
      return new ServerConnector(server, new HttpConnectionFactory(http));
    }
    // Names are checked by the guard, those that --host allows among them.
    http.addCustomizer(new SecureRequestCustomizer(false));
    return new ServerConnector(
        server,
        new SslConnectionFactory(tls.context(), "http/1.1"),
        new HttpConnectionFactory(http));
  }

  private static String cause(Throwable e) {
    Throwable last = e;
    while (last.getCause() != null) {
      last = last.getCause();
    }
    return String.valueOf(last.getMessage());
  }

  static HttpConfiguration http(boolean proxy) {
    HttpConfiguration http = new HttpConfiguration();
    http.setSendServerVersion(false);
    http.setSendXPoweredBy(false);
    http.setRequestHeaderSize(HEAD_BYTES_MAX);
    if (proxy) {
      http.addCustomizer(new Forwarded());
    }
    return http;
  }

  private static Set<String> names(String address, Set<String> hosts) {
    Set<String> names = new HashSet<>(OWN_NAMES);
    names.add(address.toLowerCase(Locale.ROOT));
    hosts.forEach(host -> names.add(host.toLowerCase(Locale.ROOT)));
    return names;
  }

  private WebAppContext context(Set<String> names, boolean secure, Duration idle) {
    WebAppContext context = new WebAppContext();
    context.setContextPath("/");
    context.setBaseResource(ResourceFactory.of(context).newClassLoaderResource("/webapp/"));
    // Vaadin's initializers find the routes in these jars.
    context.setAttribute(
        "org.eclipse.jetty.server.webapp.ContainerIncludeJarPattern",
        ".*/(classes/|flow-[^/]*\\.jar|vaadin-[^/]*\\.jar|console-[^/]*\\.jar)");
    context.setParentLoaderPriority(true);
    context.setConfigurationDiscovered(true);
    context.setThrowUnavailableOnStartupException(true);
    context.setErrorHandler(new PlainErrors());
    // Else logback ends with the context, and the rest of the stop is not logged.
    context.setInitParameter("logbackDisableServletContainerInitializer", "true");
    cookies(context.getSessionHandler(), secure, idle);
    context.getSessionHandler().addEventListener(new AnonymousSessions(Visit.SIGNED_IN));
    context.getSessionHandler().addEventListener(new PersonsSessions(Visit.SIGNED_IN));
    FilterHolder guard = new FilterHolder(new Guard(names, Visit.SIGNED_IN));
    guard.setAsyncSupported(true);
    context.addFilter(guard, "/*", EnumSet.of(DispatcherType.REQUEST));
    context.addServlet(new ServletHolder(new Health("alive", () -> true)), "/livez");
    context.addServlet(new ServletHolder(new Health("ready", () -> !stopping)), "/readyz");
    ServletHolder assets = new ServletHolder(new Assets());
    Assets.PATHS.forEach(path -> context.addServlet(assets, path));
    context.addServlet(vaadin(), "/*");
    JakartaWebSocketServletContainerInitializer.configure(context, null);
    return context;
  }

  private static ServletHolder vaadin() {
    // As the servlet's parameter it is not the application's: then Vaadin keeps for its developers
    // where each component was made, half of the heap.
    System.setProperty("vaadin.productionMode", "true");
    ServletHolder holder = new ServletHolder(VaadinServlet.class);
    holder.setAsyncSupported(true);
    holder.setInitOrder(1);
    holder.setInitParameter("heartbeatInterval", "60");
    // Else a page that is only open would never be idle.
    holder.setInitParameter("closeIdleSessions", "true");
    // As many as are held up by pages that do not read; the default keeps 200, busy or not.
    holder.setInitParameter(ApplicationConfig.BROADCASTER_ASYNC_WRITE_THREADPOOL_MAXSIZE, "-1");
    return holder;
  }

  private static void cookies(SessionHandler sessions, boolean secure, Duration idle) {
    sessions.setSessionCookie(secure ? "__Host-switchboard" : "switchboard");
    sessions.setHttpOnly(true);
    sessions.setSameSite(HttpCookie.SameSite.LAX);
    sessions.setSecureCookies(secure);
    sessions.setSecureRequestOnly(false);
    sessions.setSessionTrackingModes(EnumSet.of(SessionTrackingMode.COOKIE));
    sessions.setMaxInactiveInterval((int) idle.toSeconds());
  }

  public int port() {
    return connector.getLocalPort();
  }

  /** Says no to /readyz from now on. */
  public void stopping() {
    stopping = true;
  }

  @Override
  public void close() {
    try {
      server.stop();
    } catch (Exception e) {
      throw new IllegalStateException("the web server did not stop", e);
    }
  }
}
