package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An API that other machines reach takes the keys that the store has, and nobody without one. */
class NetworkAddressIT {
  @TempDir private Path state;
  private FakeUpstream upstream;

  @BeforeEach
  void begin() throws Exception {
    upstream = new FakeUpstream();
    upstream.script((request, body) -> request.response().end("{\"choices\":[]}"));
  }

  @AfterEach
  void end() {
    upstream.close();
  }

  private GatewayProcess start() throws Exception {
    Path config = state.resolve("switchboard.yaml");
    Files.writeString(config, "upstreams: [{url: \"" + upstream.url() + "\", models: [m]}]");
    return GatewayProcess.start(
            List.of("-Dswitchboard.state=" + state),
            "--bind",
            "0.0.0.0",
            "--config",
            config.toString())
        .awaitReady();
  }

  private static HttpResponse<String> ask(GatewayProcess gateway, String... headers)
      throws Exception {
    URI chat = gateway.api(InProcessGateway.CHAT);
    assertEquals("0.0.0.0", chat.getHost());
    URI near = URI.create(chat.toString().replace("//0.0.0.0:", "//127.0.0.1:"));
    return gateway.post(near, InProcessGateway.chat(false), headers);
  }

  @Test
  void keysOfTheStoreOpenItAndWithoutOneEverybodyIsToldTheWayOut() throws Exception {
    String key;
    try (GatewayProcess gateway = start()) {
      HttpResponse<String> refused = ask(gateway);
      assertEquals(401, refused.statusCode());
      assertTrue(refused.body().contains("./switchboard keys create makes one"), refused.body());

      key = gateway.adminPost("/admin/v1/keys", "{\"name\":\"app\"}").path("key").asText();
    }

    try (GatewayProcess gateway = start()) {
      assertEquals(200, ask(gateway, "Authorization", "Bearer " + key).statusCode());
      HttpResponse<String> refused = ask(gateway);
      assertEquals(401, refused.statusCode());
      assertFalse(refused.body().contains("none yet"), refused.body());
    }
  }
}
