package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Against a server that answers as the API server of Kubernetes does. */
class NewKeysIT {
  @TempDir Path account;

  private final List<String> asked = new ArrayList<>();
  private final List<String> bodies = new ArrayList<>();
  private HttpServer server;
  private int status = 201;

  @BeforeEach
  void start() throws IOException {
    Files.writeString(account.resolve("namespace"), "switchboard");
    Files.writeString(account.resolve("token"), "the-token\n");
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          asked.add(
              exchange.getRequestMethod()
                  + " "
                  + exchange.getRequestURI()
                  + " "
                  + exchange.getRequestHeaders().getFirst("Authorization"));
          bodies.add(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
          byte[] answer =
              "{\"kind\":\"Status\",\"message\":\"not today\"}".getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(status, answer.length);
          exchange.getResponseBody().write(answer);
          exchange.close();
        });
    server.start();
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  @Test
  void asksOnceForASecretWithAFreshKeyForEachRole() throws Exception {
    assertEquals(0, run());
    assertEquals(0, run());

    assertEquals("POST /api/v1/namespaces/switchboard/secrets Bearer the-token", asked.getFirst());
    JsonNode first = new ObjectMapper().readTree(bodies.get(0));
    JsonNode second = new ObjectMapper().readTree(bodies.get(1));
    assertEquals("switchboard-keys", first.at("/metadata/name").asText());
    for (String name : NewKeysMain.NAMES) {
      String key = first.path("stringData").path(name).asText();
      assertTrue(key.matches("sb-[0-9A-Za-z]{43}"), name);
      assertNotEquals(key, second.path("stringData").path(name).asText());
    }
  }

  @Test
  void aSecretThatIsThereIsLeftAlone() {
    status = 409;

    assertEquals(0, run());
    assertEquals(1, asked.size());
  }

  @Test
  void aRefusalIsAFailure() {
    status = 403;

    assertEquals(1, run());
  }

  private int run() {
    return new CommandLine(new NewKeysMain())
        .execute(
            "--secret=switchboard-keys",
            "--api-server=http://127.0.0.1:" + server.getAddress().getPort(),
            "--account=" + account);
  }
}
