package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.testing.Await;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * How urgent a request is, whether its header, its body or its class says it: a worker and a
 * foreign server hear what its tenant may.
 */
class PriorityIT extends TwoUpstreams {
  private static final ObjectMapper JSON = new ObjectMapper();

  private InProcessGateway gateway;

  @BeforeEach
  void startGateway() throws Exception {
    for (FakeUpstream upstream : new FakeUpstream[] {first, second}) {
      upstream.script((request, body) -> request.response().end("{\"choices\":[]}"));
    }
    gateway =
        InProcessGateway.of(
                "tenants: [{name: default, max-priority: 20}]\nupstreams:\n  - {url: \""
                    + first.url()
                    + "\", models: [own], worker: true}\n  - {url: \""
                    + second.url()
                    + "\", models: [foreign]}\n  - {url: \""
                    + second.url()
                    + "\", models: [sglang], engine: sglang}\n")
            .awaitEveryReplica();
    first.seen.clear();
  }

  @AfterEach
  void stopGateway() {
    gateway.close();
  }

  @ParameterizedTest
  @CsvSource({
    // body, header, what counts
    "100,, 20",
    "7,, 7",
    "-50,, -50",
    "0,, 0",
    ",, 0",
    "100, 5, 5",
    "-90, 100, 20"
  })
  void workersAndServersHearTheOneNumberThatCounts(String inBody, String header, int counts)
      throws Exception {
    String[] headers = header == null ? new String[0] : new String[] {"X-Priority", header};

    FakeUpstream.Seen worker = ask("own", first, inBody, headers);
    FakeUpstream.Seen server = ask("foreign", second, inBody, headers);

    assertEquals(String.valueOf(counts), worker.headers().get("X-Priority"));
    if (inBody == null || inBody.equals("0")) {
      assertEquals(inBody, priority(server));
    } else {
      // As vLLM has it, the lowest first.
      assertEquals(String.valueOf(-counts), priority(server));
      assertEquals(String.valueOf(counts), priority(worker));
      FakeUpstream.Seen sglang = ask("sglang", second, inBody, headers);
      assertEquals(String.valueOf(counts), priority(sglang));
    }
  }

  private static String priority(FakeUpstream.Seen seen) throws Exception {
    return JSON.readTree(seen.body()).path("priority").asText(null);
  }

  private FakeUpstream.Seen ask(
      String model, FakeUpstream upstream, String priority, String... headers) throws Exception {
    String body = InProcessGateway.chat(false).replace("\"m\"", "\"" + model + "\"");
    String said = priority == null ? "" : ",\"priority\": " + priority;
    gateway.post(InProcessGateway.CHAT, body.replaceFirst("}$", said + "}"), headers);
    FakeUpstream.Seen seen = upstream.seen.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    while (seen != null && !seen.body().contains("messages")) {
      // The canary of a worker.
      seen = upstream.seen.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    }
    return Objects.requireNonNull(seen);
  }
}
