package dev.switchboard.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.console.action.Change;
import dev.switchboard.console.action.Changes;
import dev.switchboard.console.action.Result;
import dev.switchboard.console.action.UncheckedChanges;
import dev.switchboard.console.api.GatewayAddress;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.auth.Person;
import dev.switchboard.console.live.Gateways;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.replica.ReplicaPresenter;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The console's process in front of a real gateway that asks for keys. */
class ConsoleIT {
  /** Word for word, since Vaadin needs no more and a page may do no more. */
  private static final String POLICY =
      "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval';"
          + " style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:;"
          + " object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

  /** Of the document of the admin API: a path, a method that changes something, its least role. */
  private static final Pattern OPERATION =
      Pattern.compile("  (/admin/\\S+):|    (get|post|put|patch|delete):|      x-role: (\\w+)");

  private static final int STRANGERS = 150;

  @TempDir private static Path folder;
  private static RealGateway gateway;
  private static ConsoleProcess console;
  private static Gateways gateways;
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  @BeforeAll
  static void start() throws Exception {
    gateway = RealGateway.start(folder.resolve("gateway"));
    console = ConsoleProcess.start(folder.resolve("console"), gateway);
    GatewayAddress address = GatewayAddress.parse("gw=" + gateway.admin());
    Path ring = Files.createDirectories(folder.resolve("ring"));
    gateways = Gateways.start(List.of(address), RealGateway.KEYS, ring, Clock.systemUTC());
    Await.until("w0", () -> state("w0"), "READY"::equals);
  }

  @AfterAll
  static void stop() throws Exception {
    gateways.close();
    console.close();
    gateway.close();
    HTTP.close();
  }

  private static LiveGateway live() {
    return gateways.all().getFirst();
  }

  private static String state(String replica) {
    return live().snapshot().replica(replica).map(r -> r.path("state").asString("")).orElse("");
  }

  private static Person person(Role role) {
    return new Person("it-" + role.word(), role, Instant.EPOCH);
  }

  private static Change change(ReplicaPresenter.Command command, Role role) {
    return new ReplicaPresenter(live(), "w0", Clock.systemUTC()).change(command, person(role));
  }

  private static HttpResponse<String> get(String path) throws Exception {
    return HTTP.send(
        HttpRequest.newBuilder(URI.create(console.url() + path)).build(),
        HttpResponse.BodyHandlers.ofString());
  }

  /** The session that is answered with: its own one while that lasts, else a new one. */
  private static String sessionAnswered(String own) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(console.url() + "/sign-in"))
            .header("Cookie", "switchboard=" + own)
            .build();
    return HTTP.send(request, HttpResponse.BodyHandlers.discarding())
        .headers()
        .firstValue("Set-Cookie")
        .map(cookie -> cookie.substring("switchboard=".length(), cookie.indexOf(';')))
        .orElse(own);
  }

  @Test
  void pagesAskedForWithoutEndEndOneAnother() throws Exception {
    String first = sessionAnswered("none");
    String last = first;
    for (int i = 0; i < STRANGERS; i++) {
      assertEquals(last, sessionAnswered(last));
      last = sessionAnswered("none");
    }

    assertNotEquals(first, sessionAnswered(first));
  }

  @Test
  void answersHealthPagesAndItsOwnNotFound() throws Exception {
    assertEquals("{\"status\":\"alive\"}", get("/livez").body().strip());
    assertEquals("{\"status\":\"ready\"}", get("/readyz").body().strip());
    assertEquals(200, get("/").statusCode());
    assertEquals(200, get("/replicas/gw/w0").statusCode());
    assertEquals(404, get("/nothing").statusCode());
    assertEquals(200, get("/favicon.ico").statusCode());
    assertEquals(200, get("/charts/echarts.min.js").statusCode());
  }

  @Test
  void everyAnswerIsProtectedAndNamesNoServer() throws Exception {
    for (String path : List.of("/", "/nothing", "/livez", "/console/console.js", "/VAADIN")) {
      var headers = get(path).headers();
      assertEquals(List.of(POLICY), headers.allValues("Content-Security-Policy"), path);
      assertEquals("nosniff", headers.firstValue("X-Content-Type-Options").orElse(""), path);
      assertFalse(headers.firstValue("Server").isPresent(), path);
    }
  }

  @Test
  void theCookieIsOutOfReachOfScriptsAndOtherSites() throws Exception {
    String cookie = get("/").headers().firstValue("Set-Cookie").orElse("");

    assertTrue(cookie.contains("HttpOnly"), cookie);
    assertTrue(cookie.contains("SameSite=Lax"), cookie);
  }

  @Test
  void behindTlsTheCookieIsForThisHostAndForTlsOnly() throws Exception {
    Path own = folder.resolve("behind-tls");
    try (ConsoleProcess behind = ConsoleProcess.start(own, gateway.admin(), "--behind-tls")) {
      HttpRequest page = HttpRequest.newBuilder(URI.create(behind.url() + "/")).build();

      var headers = HTTP.send(page, HttpResponse.BodyHandlers.ofString()).headers();

      String cookie = headers.firstValue("Set-Cookie").orElse("");
      assertTrue(cookie.startsWith("__Host-switchboard="), cookie);
      assertTrue(cookie.contains("; Secure"), cookie);
      assertTrue(cookie.contains("; HttpOnly"), cookie);
      assertTrue(cookie.contains("; Path=/"), cookie);
      assertFalse(cookie.contains("Domain="), cookie);
    }
  }

  @Test
  void crookedPathsAndForeignNamesAreDenied() throws Exception {
    assertEquals("404", status("/VAADIN", "localhost"));
    assertEquals("404", status("/VAADIN/", "localhost"));
    assertEquals("400", status("//VAADIN", "localhost"));
    assertEquals("400", status("/;x/VAADIN", "localhost"));
    assertEquals("400", status("/system;x=1", "localhost"));
    assertEquals("421", status("/", "evil.example"));
  }

  /** What a stranger sends is read into memory as a whole, so it is bounded before. */
  @Test
  void bodiesOfStrangersThatNoPageSendsAreDenied() throws Exception {
    String page = "POST /?v-r=uidl HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";

    assertEquals("411", answered(page + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"));
    assertEquals("413", answered(page + "Content-Length: 100000\r\n\r\nx"));
    assertNotEquals("413", answered(page + "Content-Length: 2\r\n\r\n{}"));
  }

  private static String status(String path, String host) throws IOException {
    return answered("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
  }

  private static String answered(String request) throws IOException {
    URI url = URI.create(console.url());
    try (Socket socket = new Socket(url.getHost(), url.getPort())) {
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      String answer =
          new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
      return answer.split(" ", 3)[1];
    }
  }

  @Test
  void printsTheFirstRunToken() {
    assertTrue(console.ready().path("first_run_url").asString("").contains("/first-run?token="));
  }

  @Test
  void anOperatorsChangeIsDoneAndAuditedInHisName() throws Exception {
    Result result =
        Changes.checked()
            .run(
                live(),
                change(ReplicaPresenter.Command.CORDON, Role.OPERATOR),
                person(Role.OPERATOR),
                "für einen Test");

    assertInstanceOf(Result.Done.class, result);
    Await.until("w0", () -> state("w0"), "CORDONED"::equals);
    JsonNode entry = live().client().get("/admin/v1/audit?action=cordon&limit=1").path("audit");
    assertEquals("it-operator", entry.path(0).path("on_behalf_of").asString(""));
    assertEquals("für einen Test", entry.path(0).path("reason").asString(""));
    assertEquals("operator", entry.path(0).path("role").asString(""));
    Result back =
        Changes.checked()
            .run(
                live(),
                change(ReplicaPresenter.Command.UNCORDON, Role.OPERATOR),
                person(Role.OPERATOR),
                "done");
    assertInstanceOf(Result.Done.class, back);
    Await.until("w0", () -> state("w0"), "READY"::equals);
  }

  @Test
  void withoutTheConsolesCheckTheGatewayRefusesAViewer() {
    Result result =
        UncheckedChanges.get()
            .run(
                live(),
                change(ReplicaPresenter.Command.DRAIN, Role.VIEWER),
                person(Role.VIEWER),
                "tried");

    Result.Failed failed = assertInstanceOf(Result.Failed.class, result);
    assertTrue(failed.why().contains("(forbidden)"), failed.why());
  }

  /** What changes something at a gateway, by the least role that may. */
  private static Map<Change, Role> everyChange() throws IOException {
    Path document =
        Path.of(System.getProperty("switchboard.home"))
            .resolve("gateway/src/main/resources/dev/switchboard/gateway/admin/openapi.yaml");
    Map<Change, Role> changes = new LinkedHashMap<>();
    String path = "";
    String method = "";
    for (String line : Files.readAllLines(document)) {
      Matcher found = OPERATION.matcher(line);
      if (!found.matches()) {
        continue;
      }
      path = found.group(1) == null ? path : found.group(1);
      method = found.group(2) == null ? method : found.group(2).toUpperCase(Locale.ROOT);
      if (found.group(3) != null && !method.equals("GET")) {
        String at = path.replaceAll("\\{[^}]*}", "w0");
        Role needs = Role.parse(found.group(3));
        JsonNode body = JsonMapper.shared().createObjectNode();
        changes.put(
            new Change(method + " " + at, needs, method, at, body, "1", List.of(), false), needs);
      }
    }
    return changes;
  }

  @Test
  void withoutTheConsolesCheckTheGatewayRefusesEveryRoleBelowTheOneThatMay() throws Exception {
    int refused = 0;
    for (Map.Entry<Change, Role> each : everyChange().entrySet()) {
      for (Role role : Role.values()) {
        if (!role.includes(each.getValue())) {
          Result result = UncheckedChanges.get().run(live(), each.getKey(), person(role), "tried");

          String what = role + " " + each.getKey().title() + ": " + result;
          Result.Failed failed = assertInstanceOf(Result.Failed.class, result, what);
          assertTrue(failed.why().contains("(forbidden)"), what);
          refused++;
        }
      }
    }
    assertTrue(refused > 40, refused + " were refused");
  }

  @Test
  void metricsBecomePointsOfTheLastHour() throws Exception {
    Await.until("points", () -> live().ring().newestSeconds() > 0);

    assertTrue(live().ring().names().contains("replica/w0/kv"), () -> "" + live().ring().names());
    assertEquals(0f, live().ring().latest("replica/w0/kv"));
  }

  @Test
  void aWrongOptionIsNamed() throws Exception {
    assertTrue(ConsoleProcess.fails("--port", "70000").contains("--port must be 0 to 65535"));
    assertTrue(ConsoleProcess.fails("--listen", "0.0.0.0").contains("--listen must be"));
    assertTrue(ConsoleProcess.fails("--gateway", "ftp://x").contains("--gateway: must be http"));
  }
}
