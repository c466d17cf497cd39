package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.fleet.ModelSpec;
import dev.switchboard.gateway.identity.UsageMeter;
import dev.switchboard.gateway.routing.RouteSpec;
import dev.switchboard.gateway.slo.SloMeter;
import dev.switchboard.gateway.store.ModelSetting;
import dev.switchboard.gateway.store.StateFolder;
import dev.switchboard.gateway.store.Store;
import dev.switchboard.gateway.store.StoreConfig;
import dev.switchboard.testing.Await;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Names of the configuration that lead to models which operators set, or took away. */
class StoredNamesIT {
  private static final RouteSpec SPLIT =
      new RouteSpec("split", List.of(new RouteSpec.Target("m", 1.0)), null, null, null);

  @TempDir private Path folder;
  private FakeUpstream upstream;

  @BeforeEach
  void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script((request, body) -> request.response().end("{\"choices\":[]}"));
    ModelSpec extra = new ModelSpec(Files.writeString(folder.resolve("extra.gguf"), ""), "x", 1);
    StoreConfig config = ConfigReader.read(store()).store();
    try (Store store =
        Store.start(config, state(), new UsageMeter(), new SloMeter(), () -> 1_000_000)) {
      store.put(new ModelSetting("x", extra), was -> {}).get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      store.put(SPLIT, was -> {}).get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    }
  }

  @AfterEach
  void stop() {
    upstream.close();
  }

  private StateFolder state() {
    return new StateFolder(folder, false);
  }

  private String store() {
    return "store: {url: \"jdbc:h2:file:" + folder.resolve("store") + "\"}\n";
  }

  private InProcessGateway gateway(String yaml) throws Exception {
    String upstreams = "upstreams: [{url: \"" + upstream.url() + "\", models: [m]}]\n";
    return InProcessGateway.over(state(), store() + upstreams + yaml);
  }

  private static HttpResponse<String> ask(InProcessGateway gateway, String model) throws Exception {
    Await.until(
        "m is served",
        () -> gateway.fleet().views("m", 0).stream().anyMatch(view -> view.routable()));
    String body = InProcessGateway.chat(false).replace("\"m\"", '"' + model + '"');
    return gateway.post(InProcessGateway.CHAT, body);
  }

  @Test
  void aRouteToAModelThatAnOperatorSetIsFollowedFromTheStartOn() throws Exception {
    try (InProcessGateway gateway =
        gateway("routes: [{name: chat, targets: [{model: x}], fallbacks: [m]}]")) {
      HttpResponse<String> answer = ask(gateway, "chat");

      assertEquals(200, answer.statusCode(), answer::body);
      assertEquals(
          "x->m no_replica", answer.headers().firstValue("X-Switchboard-Fallback").orElse(""));
    }
  }

  @Test
  void aRouteToAModelThatNobodyHasEndsTheStart() {
    String yaml = "routes: [{name: chat, targets: [{model: y}]}]";

    Exception refused = assertThrows(IllegalArgumentException.class, () -> gateway(yaml));

    assertEquals("routes[0].targets: no replica serves y", refused.getMessage());
  }

  @Test
  void aSplitThatTheConfigurationNeedsIsNotTakenAway() throws Exception {
    try (InProcessGateway gateway = gateway("edge: [{name: split, local: x}]")) {
      HttpResponse<String> refused = gateway.admin("DELETE", "/admin/v1/splits/split", "{}");
      int meanwhile = ask(gateway, "split").statusCode();
      gateway.rewrite("edge: []");
      gateway.admin("POST", "/admin/v1/config/reload", "{}");
      HttpResponse<String> deleted = gateway.admin("DELETE", "/admin/v1/splits/split", "{}");

      assertEquals(409, refused.statusCode(), refused::body);
      assertTrue(refused.body().contains("\"code\":\"split_in_use\""), refused::body);
      assertTrue(refused.body().contains("edge[0].name"), refused::body);
      assertEquals(200, meanwhile);
      assertEquals(200, deleted.statusCode(), deleted::body);
      assertEquals(404, ask(gateway, "split").statusCode());
    }
  }

  @Test
  void aModelThatStandsInForARegionIsNotTakenAway() throws Exception {
    try (InProcessGateway gateway = gateway("edge: [{name: m, local: x}]")) {
      HttpResponse<String> refused =
          gateway.admin("DELETE", "/admin/v1/models/x?confirm=true", "{}");

      assertEquals(409, refused.statusCode(), refused::body);
      assertTrue(refused.body().contains("\"code\":\"model_in_use\""), refused::body);
      assertTrue(refused.body().contains("edge[0].local: nobody serves x"), refused::body);
      assertEquals(200, gateway.admin("POST", "/admin/v1/config/reload", "{}").statusCode());
    }
  }
}
