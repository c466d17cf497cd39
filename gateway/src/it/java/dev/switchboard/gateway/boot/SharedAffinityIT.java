package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.routing.Affinity;
import dev.switchboard.gateway.routing.RouteRequest;
import dev.switchboard.gateway.shared.ValkeyServer;
import dev.switchboard.testing.Await;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Two gateways before the same two servers, which tell each other where requests went. */
class SharedAffinityIT extends TwoUpstreams {
  private static final String REPLICA = "X-Switchboard-Replica";
  private static final String LONG = "once upon a time ".repeat(200);

  @Test
  void aSessionAndAPromptAreKnownAtTheOtherGatewayToo() throws Exception {
    answer();
    try (ValkeyServer valkey = new ValkeyServer();
        InProcessGateway one = InProcessGateway.before(shared(valkey), first, second);
        InProcessGateway other = InProcessGateway.before(shared(valkey), first, second)) {
      acquainted(one, other);
      acquainted(other, one);
      List<String> here = new ArrayList<>();
      List<String> there = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        String session = "s" + i;
        here.add(replica(ask(one, session, "x")));
        Await.until("the session", () -> known(other, session) != null);
        there.add(replica(ask(other, session, "x")));
      }
      String prompted = replica(ask(one, "prompt", LONG));
      Await.until("the prompt", () -> known(other, "prompt") != null);
      ask(other, "another", LONG, "X-Request-Id", "r");

      assertEquals(here, there);
      int tokens = 0;
      for (JsonNode row : other.timeline("r").path("route").path("candidates")) {
        if (row.path("replica").asText().equals(prompted)) {
          tokens = row.path("prefix_tokens").asInt();
        }
      }
      assertTrue(tokens > 500, "known tokens: " + tokens);
    }
  }

  @Test
  void withoutTheValkeyEachIsCorrectAloneAndTheyFindTogetherAgain() throws Exception {
    answer();
    try (ValkeyServer valkey = new ValkeyServer();
        InProcessGateway one = InProcessGateway.before(shared(valkey), first, second);
        InProcessGateway other = InProcessGateway.before(shared(valkey), first, second)) {
      acquainted(one, other);
      valkey.end();
      String alone = replica(ask(one, "alone", "x"));

      assertEquals(alone, replica(ask(one, "alone", "x")));
      assertNull(known(other, "alone"));
      valkey.begin();
      acquainted(one, other);
    }
  }

  private void answer() {
    first.script((request, body) -> request.response().end("{\"choices\":[]}"));
    second.script((request, body) -> request.response().end("{\"choices\":[]}"));
  }

  private static String shared(ValkeyServer valkey) {
    return "shared: {url: \""
        + valkey.url()
        + "\", retry-ms: 100, timeout-ms: 10000}\n"
        + "routing: {policy: round-robin}";
  }

  /** Waits until one hears the other. */
  private static void acquainted(InProcessGateway speaker, InProcessGateway hearer) {
    List<String> sessions = new ArrayList<>();
    Await.until(
        "one hears the other",
        () -> {
          sessions.add("hello-" + UUID.randomUUID());
          ask(speaker, sessions.getLast(), "x");
          return sessions.stream().anyMatch(session -> known(hearer, session) != null);
        });
  }

  private static @Nullable String known(InProcessGateway gateway, String session) {
    Affinity.Key key = new Affinity.Key(new long[0], 0, "default", session);
    return gateway
        .gateway()
        .reconfiguration()
        .context()
        .affinity()
        .enrich(RouteRequest.of("m"), key)
        .sticky();
  }

  private static String replica(HttpResponse<String> answer) {
    return answer.headers().firstValue(REPLICA).orElse("");
  }

  private static HttpResponse<String> ask(
      InProcessGateway gateway, String session, String text, String... more) {
    String body =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"" + text + "\"}]}";
    List<String> headers = new ArrayList<>(List.of(more));
    headers.addAll(List.of("X-Switchboard-Session", session, "Authorization", "Bearer caller"));
    try {
      return gateway.post(InProcessGateway.CHAT, body, headers.toArray(String[]::new));
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }
}
