package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.identity.Caller;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Web pages that call the public listener: which may, and what a browser is told. */
class CorsIT {
  private static final String PAGE = "https://app.example.com";
  private static final String ASKED = "authorization,content-type,x-stainless-os";

  private static FakeUpstream upstream;
  private static InProcessGateway open;
  private static InProcessGateway keyed;

  @BeforeAll
  static void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script((request, body) -> request.response().end("{\"choices\":[]}"));
    open = InProcessGateway.before("http: {cors: {origins: [\"" + PAGE + ":443\"]}}", upstream);
    keyed =
        InProcessGateway.before(
            "http: {cors: {origins: [\"*\"]}}\n" + IdentityIT.keys(Caller.Role.APP), upstream);
  }

  @AfterAll
  static void stop() {
    keyed.close();
    open.close();
    upstream.close();
  }

  /** The answer's head in lower case. */
  private static String preflight(InProcessGateway gateway, String origin, String more)
      throws Exception {
    return gateway
        .raw(
            "OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: "
                + origin
                + "\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: "
                + ASKED
                + "\r\n"
                + more
                + "Connection: close\r\n\r\n")
        .toLowerCase(Locale.ROOT);
  }

  private static void assertHas(String head, String... lines) {
    for (String line : lines) {
      assertTrue(head.contains("\r\n" + line + "\r\n"), line + " is missing in " + head);
    }
  }

  @Test
  void aPreflightIsAnsweredWithoutAKey() throws Exception {
    String head = preflight(keyed, "https://any.example", "");

    assertTrue(head.startsWith("http/1.1 204 "), head);
    assertHas(
        head,
        "access-control-allow-origin: *",
        "access-control-allow-methods: get, head, post",
        "access-control-allow-headers: " + ASKED,
        "access-control-max-age: 86400");
    assertFalse(head.contains("allow-credentials"), head);
    assertFalse(head.contains("private-network"), head);
  }

  @Test
  void aPageOfANamedOriginMayAskAndMayReachAPrivateNetwork() throws Exception {
    String head = preflight(open, PAGE, "Access-Control-Request-Private-Network: true\r\n");

    assertTrue(head.startsWith("http/1.1 204 "), head);
    assertHas(
        head,
        "access-control-allow-origin: " + PAGE,
        "vary: origin",
        "access-control-allow-private-network: true");
  }

  @Test
  void aPageOfAnotherOriginIsToldNothing() throws Exception {
    for (String origin :
        List.of("https://app.example.com.evil", "http://app.example.com", "null")) {
      String head = preflight(open, origin, "");

      assertTrue(head.startsWith("http/1.1 403 "), head);
      assertFalse(head.contains("access-control-allow"), head);
    }
  }

  @Test
  void answersAndErrorsMayBeReadByThePage() throws Exception {
    String body = InProcessGateway.chat(false);
    HttpResponse<String> served = open.post(InProcessGateway.CHAT, body, "Origin", PAGE);
    HttpResponse<String> refused = open.post(InProcessGateway.CHAT, "{}", "Origin", PAGE);
    HttpResponse<String> noKey = keyed.post(InProcessGateway.CHAT, body, "Origin", PAGE);
    HttpResponse<String> foreign =
        open.post(InProcessGateway.CHAT, body, "Origin", "https://evil.example");

    assertEquals(200, served.statusCode());
    assertEquals(400, refused.statusCode());
    assertEquals(401, noKey.statusCode());
    assertEquals(403, foreign.statusCode());
    for (HttpResponse<String> answer : List.of(served, refused)) {
      assertEquals(PAGE, header(answer, "Access-Control-Allow-Origin"));
      assertEquals("*", header(answer, "Access-Control-Expose-Headers"));
      assertEquals("Origin", header(answer, "Vary"));
    }
    assertEquals("*", header(noKey, "Access-Control-Allow-Origin"));
    assertEquals("", header(foreign, "Access-Control-Allow-Origin"));
  }

  private static String header(HttpResponse<String> answer, String name) {
    return answer.headers().firstValue(name).orElse("");
  }

  @Test
  void headersThatAreNoNamesAreNotSentBack() throws Exception {
    String head =
        keyed
            .raw(
                """
                OPTIONS /v1/models HTTP/1.1\r
                Host: localhost\r
                Origin: x://y\r
                Access-Control-Request-Method: GET\r
                Access-Control-Request-Headers: a;b\r
                Connection: close\r
                \r
                """)
            .toLowerCase(Locale.ROOT);

    assertTrue(head.startsWith("http/1.1 204 "), head);
    assertFalse(head.contains("allow-headers"), head);
  }

  @Test
  void anOptionsRequestThatIsNoPreflightIsAnsweredAsEver() throws Exception {
    String answer =
        open.raw("OPTIONS /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

    assertTrue(answer.startsWith("HTTP/1.1 405 "), answer);
  }

  @Test
  void everyPageIsOnlyLetInWhereKeysAreNeeded() {
    ObjectNode tree = ConfigReader.defaults();
    ConfigReader.overlay(tree, "http: {cors: {origins: [\"*\"]}}");

    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> ConfigReader.read(tree));
    assertTrue(
        String.valueOf(refused.getMessage()).startsWith("http.cors.origins: has *"),
        refused::getMessage);
  }

  /** A key of another role opens models to nobody, nor asks anybody for one. */
  @Test
  void everyPageIsLetInOnlyWhileAKeyIsAskedFor() throws Exception {
    String yaml = "http: {cors: {origins: [\"*\", \"" + PAGE + "\"]}}\n";
    try (InProcessGateway gateway =
        InProcessGateway.before(yaml + IdentityIT.keys(Caller.Role.ADMIN), upstream)) {
      assertRefusesPages(gateway);

      JsonNode key = made(gateway);
      HttpResponse<String> noKey = chat(gateway, "https://any.example");
      HttpResponse<String> served =
          chat(gateway, "https://any.example", "Authorization", "Bearer " + text(key, "key"));
      String head = preflight(gateway, "https://any.example", "");
      String path = "/admin/v1/keys/" + text(key, "id");
      gateway.admin("DELETE", path, "", "Authorization", "Bearer admin");

      assertEquals(401, noKey.statusCode());
      assertEquals(200, served.statusCode());
      assertEquals("*", header(served, "Access-Control-Allow-Origin"));
      assertTrue(head.startsWith("http/1.1 204 "), head);
      assertRefusesPages(gateway);
    }
  }

  private static void assertRefusesPages(InProcessGateway gateway) throws Exception {
    for (String origin : List.of("https://any.example", "null", "*")) {
      String head = preflight(gateway, origin, "");
      HttpResponse<String> refused = chat(gateway, origin);

      assertTrue(head.startsWith("http/1.1 403 "), head);
      assertFalse(head.contains("access-control-allow"), head);
      assertEquals(403, refused.statusCode(), origin);
      assertEquals("", header(refused, "Access-Control-Allow-Origin"));
      assertTrue(refused.body().contains("while there is a key of the role app"), refused::body);
    }
    HttpResponse<String> named = chat(gateway, PAGE);
    assertEquals(200, named.statusCode());
    assertEquals(PAGE, header(named, "Access-Control-Allow-Origin"));
    assertEquals("Origin", header(named, "Vary"));
  }

  private static HttpResponse<String> chat(
      InProcessGateway gateway, String origin, String... headers) throws Exception {
    List<String> all = new ArrayList<>(List.of(headers));
    all.addAll(List.of("Origin", origin));
    return gateway.post(
        InProcessGateway.CHAT, InProcessGateway.chat(false), all.toArray(String[]::new));
  }

  /** A key of the role app. */
  private static JsonNode made(InProcessGateway gateway) throws Exception {
    HttpResponse<String> answer =
        gateway.admin(
            "POST", "/admin/v1/keys", "{\"name\":\"page\"}", "Authorization", "Bearer admin");
    assertEquals(201, answer.statusCode(), answer::body);
    return new ObjectMapper().readTree(answer.body());
  }

  private static String text(JsonNode json, String field) {
    return json.path(field).asText();
  }

  @Test
  void healthAndVersionAreOpen() throws Exception {
    for (InProcessGateway gateway : List.of(open, keyed)) {
      assertEquals("{\"status\":\"ok\"}", gateway.get(gateway.api("/health")).body());
      String version = gateway.get(gateway.api("/version")).body();
      assertTrue(version.matches("\\{\"version\":\"[^\"]+\"}"), version);
    }
  }

  @Test
  void anUnknownPathNamesTheNearOne() throws Exception {
    HttpResponse<String> answer = open.get(open.api("/chat/completions"));

    assertEquals(404, answer.statusCode());
    assertTrue(answer.body().contains("Did you mean /v1/chat/completions?"), answer.body());
    String admin = open.get(open.admin("/admin/v1/replica")).body();
    assertTrue(admin.contains("Did you mean /admin/v1/replicas?"), admin);
  }
}
