package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.slo.SloCause;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What the history of service levels says that requests to a real worker missed theirs for. Waits
 * of milliseconds, in the queue or behind another prompt, are the machine's own where it is busy:
 * {@code SloBlameTest} has those.
 */
@Tag("timing")
class SloCausesIT {
  private static final int UNREAD_TOKENS = 1500;
  private static final int STOPPED_MS = 1500;
  private static final int MOST_TURNS = 10;

  @TempDir private static @Nullable Path folder;
  private static GatewayProcess gateway;

  /** What is done to a request of the class {@code CLASS} that wants more than anybody can give. */
  enum Harm {
    STRAGGLER {
      @Override
      void done() throws Exception {
        gateway.fault("w0", "{\"kind\":\"slow\",\"stage\":0,\"rank\":1,\"amount\":4000}");
        try {
          harmed(gateway.stream(60, CLASS, sloClass()));
        } finally {
          gateway.fault("w0", "{\"kind\":\"none\",\"stage\":0,\"rank\":1}");
        }
      }
    },
    MACHINE {
      @Override
      void done() throws Exception {
        long pid = gateway.pid("w0");
        try (InputStream body = gateway.stream(600, CLASS, sloClass()).body()) {
          assertTrue(body.read() >= 0);
          GatewayProcess.signal("-STOP", pid);
          pause(STOPPED_MS);
          GatewayProcess.signal("-CONT", pid);
          body.readAllBytes();
        }
      }
    },
    CLIENT {
      @Override
      void done() throws Exception {
        long before = generated();
        URI api = gateway.api("/v1/chat/completions");
        try (Socket client = new Socket()) {
          client.setReceiveBufferSize(4096);
          client.connect(new InetSocketAddress(api.getHost(), api.getPort()));
          client.getOutputStream().write(unread(api, sloClass()));
          client.getOutputStream().flush();
          Await.until("tokens", () -> generated(), tokens -> tokens >= before + UNREAD_TOKENS);
          pause(2 * STOPPED_MS);
          client.getInputStream().readAllBytes();
        }
      }
    },
    MIGRATION {
      @Override
      void done() throws Exception {
        gateway.slow("w0", 10);
        try (InputStream body = gateway.stream(100, CLASS, sloClass()).body()) {
          assertTrue(body.read() >= 0);
          gateway.kill("w0");
          body.readAllBytes();
        }
        gateway.awaitState("w0", "READY");
      }
    };

    static final String CLASS = "X-SLO-Class";

    abstract void done() throws Exception;

    String sloClass() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  @BeforeAll
  static void start() throws Exception {
    Path config = Path.of(String.valueOf(folder)).resolve("switchboard.yaml");
    GatewayProcess.writeConfig(
        config,
        """
        workers:
          local: 1
          ranks: 2
          threads: 1
          unresponsive-ms: 30000
          restart-first-ms: 0
          crash-loop-exits: 50
          arguments: [--allow-fault-injection]
        """);
    gateway = GatewayProcess.start(List.of(), "--config", config.toString()).awaitReady();
  }

  @AfterAll
  static void stop() {
    gateway.close();
  }

  /** Where other programs have the cores for longer it misses that for the machine: once more. */
  @ParameterizedTest
  @EnumSource
  void aMissIsBlamedOnWhatWasDone(Harm harm) throws Exception {
    String path = "/admin/v1/slo-classes/" + harm.sloClass();
    gateway.adminSend("PUT", path, "{\"tpot_ms\":0.001}");
    SloCause cause = SloCause.valueOf(harm.name());

    Map<String, Integer> blamed = Map.of();
    for (int turn = 1; turn <= MOST_TURNS && !blamed.containsKey(cause.label()); turn++) {
      int all = turn;
      harm.done();
      blamed = Await.until("a cause", () -> causes(harm), told -> sum(told) == all);
    }

    assertTrue(blamed.containsKey(cause.label()), blamed::toString);
    Set<String> expected = new TreeSet<>(List.of(cause.label(), SloCause.MACHINE.label()));
    assertTrue(expected.containsAll(blamed.keySet()), blamed::toString);
  }

  /** How often its class missed its objective, by what that was for. */
  private static Map<String, Integer> causes(Harm harm) throws Exception {
    Map<String, Integer> causes = new TreeMap<>();
    String path = "/admin/v1/slo?class=" + harm.sloClass();
    for (JsonNode hour : gateway.admin(path).path("hours")) {
      JsonNode kept = hour.path("objectives").path("tpot");
      assertEquals(0, kept.path("met").asInt(), kept::toString);
      for (var cause : kept.path("causes").properties()) {
        causes.merge(cause.getKey(), cause.getValue().asInt(), Integer::sum);
      }
    }
    return causes;
  }

  private static void pause(int ms) {
    Stopwatch paused = Stopwatch.start();
    Await.until(() -> paused.millis() >= ms);
  }

  private static int sum(Map<String, Integer> causes) {
    return causes.values().stream().mapToInt(Integer::intValue).sum();
  }

  private static void harmed(HttpResponse<InputStream> answer) throws Exception {
    assertEquals(200, answer.statusCode());
    String events = new String(answer.body().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(events.contains("[DONE]"), events);
  }

  private static byte[] unread(URI api, String sloClass) {
    String body =
        "{\"model\":\"switchboard-demo\",\"stream\":true,\"ignore_eos\":true,\"max_tokens\":"
            + UNREAD_TOKENS
            + ",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";
    String request =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: "
            + api.getAuthority()
            + "\r\nX-SLO-Class: "
            + sloClass
            + "\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: "
            + body.length()
            + "\r\n\r\n"
            + body;
    return request.getBytes(StandardCharsets.US_ASCII);
  }

  private static long generated() throws Exception {
    return gateway.workerState("w0").path("load").path("generated_tokens").asLong();
  }
}
