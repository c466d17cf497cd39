package dev.switchboard.console.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class AdminClientTest {
  @Test
  void aChangeSaysWhyAndForWhomAndOfWhichVersion() throws Exception {
    try (FakeGateway gateway = new FakeGateway();
        AdminClient client = new AdminClient(gateway.address(), FakeGateway.KEYS)) {
      Acting acting = new Acting(Role.OPERATOR, "alice", "für den Umzug", "v1");

      client.change(
          "POST",
          "/admin/v1/replicas/w0/weight",
          JsonMapper.shared().createObjectNode().put("weight", 2),
          acting);

      Map<String, String> headers = gateway.changes().getFirst().headers();
      assertEquals("Bearer operator", headers.get("authorization"));
      assertEquals("alice", headers.get("x-switchboard-on-behalf-of"));
      assertEquals("f%C3%BCr%20den%20Umzug", headers.get("x-switchboard-change-reason"));
      assertEquals("v1", headers.get("if-match"));
      assertEquals("{\"weight\":2}", gateway.changes().getFirst().body());
    }
  }

  @Test
  void aRefusalHasTheGatewaysCode() throws IOException {
    try (FakeGateway gateway = new FakeGateway();
        AdminClient client = new AdminClient(gateway.address(), FakeGateway.KEYS)) {
      ApiFailure failure =
          assertThrows(ApiFailure.class, () -> client.get("/admin/v1/replicas/none"));

      assertEquals(404, failure.status());
      assertEquals("not_found", failure.code());
      assertEquals("There is no such thing (not_found)", failure.sentence());
    }
  }

  @Test
  void aGatewayThatIsGoneIsUnreachable() throws IOException {
    FakeGateway gateway = new FakeGateway();
    gateway.close();
    try (AdminClient client = new AdminClient(gateway.address(), FakeGateway.KEYS)) {
      ApiFailure failure = assertThrows(ApiFailure.class, () -> client.get("/admin/v1/replicas"));

      assertEquals(ApiFailure.Kind.UNREACHABLE, failure.kind());
    }
  }

  @Test
  void aListOfSeveralPagesIsReadToItsEnd() throws Exception {
    try (FakeGateway gateway = new FakeGateway();
        AdminClient client = new AdminClient(gateway.address(), FakeGateway.KEYS)) {
      gateway.say(
          "GET /admin/v1/replicas?limit=1000",
          200,
          "{\"replicas\":[{\"id\":\"a\"},{\"id\":\"b c\"}],\"next\":\"b c\",\"total\":3}");
      gateway.say(
          "GET /admin/v1/replicas?limit=1000&after=b%20c",
          200, "{\"replicas\":[{\"id\":\"d\"}],\"total\":3}");

      List<JsonNode> all = client.list("/admin/v1/replicas", "replicas");

      assertEquals(
          List.of("a", "b c", "d"), all.stream().map(r -> r.path("id").asString("")).toList());
    }
  }

  @Test
  void emptyParametersAreLeftOutOfAQuery() {
    assertEquals("?a=x%20y%26", AdminClient.query(Map.of("a", "x y&", "b", " ")));
  }

  @Test
  void addressesHaveNames() {
    assertEquals("127.0.0.1:9901", GatewayAddress.parse("http://127.0.0.1:9901/").name());
    assertEquals("east", GatewayAddress.parse("east=https://gw.example:9901").name());
    assertThrows(IllegalArgumentException.class, () -> GatewayAddress.parse("ftp://x"));
    assertThrows(IllegalArgumentException.class, () -> GatewayAddress.parse("http://x/path"));
    assertThrows(IllegalArgumentException.class, () -> GatewayAddress.parse("http://a:b@x"));
  }

  @Test
  void aListWhosePagesHaveNumbersIsReadToItsEndToo() throws Exception {
    try (FakeGateway gateway = new FakeGateway();
        AdminClient client = new AdminClient(gateway.address(), FakeGateway.KEYS)) {
      String first = "GET /admin/v1/slo?class=a&limit=1000";
      gateway.say(first, 200, "{\"hours\":[{\"hour\":\"1\"}],\"next_offset\":1000}");
      gateway.say(first + "&offset=1000", 200, "{\"hours\":[{\"hour\":\"2\"}]}");

      List<JsonNode> all = client.list("/admin/v1/slo?class=a", "hours");

      assertEquals(List.of("1", "2"), all.stream().map(h -> h.path("hour").asString("")).toList());
    }
  }
}
