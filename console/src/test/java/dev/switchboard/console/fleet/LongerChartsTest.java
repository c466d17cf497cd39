package dev.switchboard.console.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.vaadin.flow.component.UI;
import com.vaadin.flow.internal.StateNode;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.History;
import dev.switchboard.console.ui.ConsoleViewTest;
import dev.switchboard.console.ui.Services;
import dev.switchboard.console.ui.SpanChoice;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Charts of more than the last hour, which a Prometheus has. */
class LongerChartsTest extends ConsoleViewTest {
  private static final Pattern END = Pattern.compile("&end=([0-9]+)");

  private final List<String> asked = new CopyOnWriteArrayList<>();
  private volatile int status = 200;
  private HttpServer prometheus;
  private History history;
  private Services without;

  @BeforeEach
  void start() throws IOException {
    prometheus = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    prometheus.createContext("/", this::answer);
    prometheus.start();
    URI address = URI.create("http://127.0.0.1:" + prometheus.getAddress().getPort());
    history = new History(address, Clock.systemUTC(), () -> {});
    without = Services.get();
    as(Role.VIEWER);
  }

  /** Seven of whatever is asked for, at the newest point alone. */
  private void answer(HttpExchange exchange) throws IOException {
    String question =
        URLDecoder.decode(exchange.getRequestURI().toString(), StandardCharsets.UTF_8);
    asked.add(question);
    Matcher end = END.matcher(question);
    String body =
        """
        {"status": "success", "data": {"resultType": "matrix", "result": [
          {"metric": {}, "values": [[%s, "7"]]}]}}\
        """
            .formatted(end.find() ? end.group(1) : "0");
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  @AfterEach
  void stop() {
    Services.install(without);
    history.close();
    prometheus.stop(0);
  }

  private void installHistory() {
    Services.install(
        new Services(
            without.gateways(),
            without.signIn(),
            without.changes(),
            without.clock(),
            without.version(),
            without.traceUrl(),
            history,
            without.idle()));
  }

  /** What charts show then: of each line its name, how many points, and the last of them. */
  private static Map<String, String> lines() {
    UI ui = UI.getCurrent();
    ui.getInternals().getStateTree().runExecutionsBeforeClientResponse();
    Map<StateNode, JsonNode> charts = new LinkedHashMap<>();
    for (var call : ui.getInternals().dumpPendingJavaScriptInvocations()) {
      for (Object parameter : call.getInvocation().getParameters()) {
        if (parameter instanceof ObjectNode message && message.has("lines")) {
          charts.put(call.getOwner(), message.path("lines"));
        }
      }
    }
    Map<String, String> told = new TreeMap<>();
    charts.values().forEach(lines -> lines.forEach(line -> told.put(name(line), points(line))));
    return told;
  }

  private static String name(JsonNode line) {
    return line.path("name").asString("");
  }

  private static String points(JsonNode line) {
    JsonNode points = line.path("points");
    String last = points.path(points.size() - 1).asString("none");
    return points.size() + " points, " + last;
  }

  @Test
  void aDayStandsInTheAddressAndIsAskedOfPrometheus() {
    installHistory();
    Await.until(
        () -> {
          go("audit");
          go("", "span=24h");
          return "360 points, 7.0".equals(lines().get("requests"));
        });

    assertEquals(History.Span.DAY, find(SpanChoice.class).single().getValue());
    assertTrue(
        asked.stream()
            .anyMatch(
                q ->
                    q.contains("query=sum(rate(switchboard_requests_total[480s]))&")
                        && q.endsWith("&step=240")),
        asked::toString);
    assertTrue(text().contains("The charts are of Prometheus, 24 hours"), text());
  }

  @Test
  void aPrometheusThatRefusesIsSaidToDoSo() {
    installHistory();
    status = 503;
    Await.until(
        () -> {
          go("audit");
          go("", "span=7d");
          return text().contains("Prometheus does not answer: status 503");
        });

    assertEquals(Map.of(), lines(), "what nobody told is not drawn");
  }

  @Test
  void withoutAPrometheusThereIsNoChoice() {
    go("", "span=24h");

    assertFalse(find(SpanChoice.class).exists());
    assertTrue(asked.isEmpty(), asked::toString);
  }
}
