package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.switchboard.gateway.identity.Caller.Role;
import dev.switchboard.gateway.manifests.Rendered;
import dev.switchboard.gateway.tls.TestCertificate;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The ScaledObjects under {@code k8s/} before a gateway, asked as KEDA asks. */
class KedaIT {
  private static final String MODEL = "qwen3-0.6b";

  private FakeUpstream first;
  private FakeUpstream second;

  @BeforeEach
  void start() throws Exception {
    first = new FakeUpstream();
    second = new FakeUpstream();
    first.script((request, body) -> request.response().end("{\"choices\":[]}"));
    second.script((request, body) -> request.response().end("{\"choices\":[]}"));
  }

  @AfterEach
  void stop() {
    first.close();
    second.close();
  }

  /** As in a pod: every name of the listener is let in, and every request needs a key. */
  private InProcessGateway gateway(String model, String bounds, FakeUpstream... upstreams)
      throws Exception {
    StringBuilder yaml = new StringBuilder(IdentityIT.keys(Role.values()));
    yaml.append("admin: {bind: 0.0.0.0}\n");
    yaml.append("autoscaling: {models: [{model: \"").append(model).append("\", ");
    yaml.append(bounds).append("}], hold-ms: 600000}\nupstreams:\n");
    for (FakeUpstream each : upstreams) {
      each.models(model);
      yaml.append("  - {url: \"").append(each.url()).append("\", models: [\"");
      yaml.append(model).append("\"]}\n");
    }
    if (upstreams.length == 0) {
      return InProcessGateway.started(yaml.toString().replace("upstreams:\n", ""));
    }
    return InProcessGateway.of(yaml.toString()).awaitEveryReplica();
  }

  private static JsonNode trigger(String overlay) {
    return Rendered.of(overlay)
        .one("ScaledObject", "qwen3-0-6b-worker")
        .json()
        .at("/spec/triggers/0");
  }

  /** A trigger with another value of a field. */
  private static JsonNode with(String field, String value) {
    ObjectNode trigger = trigger("multi-gateway").deepCopy();
    trigger.withObject("/metadata").put(field, value);
    return trigger;
  }

  /** What the trigger's authentication has, of a Secret whose values are the names of its keys. */
  private static Map<String, String> parameters(String overlay) {
    String named = trigger(overlay).at("/authenticationRef/name").asText();
    Map<String, String> parameters = new HashMap<>();
    Rendered.of(overlay)
        .one("TriggerAuthentication", named)
        .json()
        .at("/spec/secretTargetRef")
        .forEach(
            each -> parameters.put(each.path("parameter").asText(), each.path("key").asText()));
    return parameters;
  }

  private static InetSocketAddress address(InProcessGateway gateway) {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), gateway.admin("/").getPort());
  }

  private static Socket connect(InetSocketAddress address) throws IOException {
    return new Socket(address.getAddress(), address.getPort());
  }

  private static KedaScaler scaler(
      InProcessGateway gateway, JsonNode trigger, Map<String, String> parameters) throws Exception {
    return new KedaScaler(trigger, parameters, address(gateway), KedaIT::connect);
  }

  @Test
  void itReadsHowManyAreDesiredTimeAndAgain() throws Exception {
    try (InProcessGateway gateway = gateway(MODEL, "min: 2, max: 16", first, second);
        KedaScaler keda = scaler(gateway, trigger("multi-gateway"), parameters("multi-gateway"))) {
      assertEquals(new KedaScaler.Reading(2, true, 2), keda.read());
      assertEquals(new KedaScaler.Reading(2, true, 2), keda.read());
      assertEquals(1, keda.connections(), "a connection is kept");
    }
  }

  /** An autoscaler that stopped elsewhere would follow another number than the gateway says. */
  @ParameterizedTest
  @ValueSource(strings = {"multi-gateway", "zero", "other"})
  void autoscalersStopWhereTheGatewaysFloorAndCeilingAre(String overlay) throws Exception {
    Rendered rendered = Rendered.of(overlay);
    JsonNode file = new YAMLMapper().readTree(rendered.configuration());
    ObjectNode own = InProcessGateway.JSON.createObjectNode();
    own.set("autoscaling", file.path("autoscaling"));
    first.models(MODEL);
    own.putArray("upstreams")
        .addObject()
        .put("url", first.url().toString())
        .putArray("models")
        .add(MODEL);
    boolean keda = !rendered.all("ScaledObject").isEmpty();
    JsonNode spec =
        rendered
            .one(keda ? "ScaledObject" : "HorizontalPodAutoscaler", "qwen3-0-6b-worker")
            .json()
            .path("spec");

    try (InProcessGateway gateway = InProcessGateway.of(own.toString())) {
      JsonNode told = gateway.adminJson("/admin/v1/autoscaling/" + MODEL);

      assertEquals(told.path("min"), spec.path(keda ? "minReplicaCount" : "minReplicas"));
      assertEquals(told.path("max"), spec.path(keda ? "maxReplicaCount" : "maxReplicas"));
    }
  }

  /** As the ServiceMonitor has Prometheus read it, from which the adapter has the HPA's number. */
  @Test
  void prometheusReadsTheSeriesOfTheAutoscalerWithTheMonitorsKey() throws Exception {
    JsonNode endpoint =
        Rendered.of("multi-gateway")
            .one("ServiceMonitor", "switchboard-gateway")
            .json()
            .at("/spec/endpoints/0");
    JsonNode metric =
        Rendered.of("other")
            .one("HorizontalPodAutoscaler", "qwen3-0-6b-worker")
            .json()
            .at("/spec/metrics/0/external/metric");
    String model = metric.at("/selector/matchLabels/model").asText();
    String series = metric.path("name").asText() + "{model=\"" + model + "\"} ";
    JsonNode authorization = endpoint.path("authorization");
    String scheme = authorization.path("type").asText() + " ";
    String key = scheme + authorization.at("/credentials/key").asText();
    try (InProcessGateway gateway = gateway(MODEL, "min: 2, max: 16", first, second)) {
      URI page = gateway.admin(endpoint.path("path").asText());

      HttpResponse<String> read = gateway.get(page, "Authorization", key);

      assertEquals(200, read.statusCode(), read::body);
      assertTrue(read.body().lines().anyMatch(line -> line.startsWith(series + "2")), series);
      assertEquals(401, gateway.get(page).statusCode());
      assertEquals(403, gateway.get(page, "Authorization", scheme + "app").statusCode());
    }
  }

  @Test
  void aModelThatHasNoneIsInactiveUntilARequestWaits() throws Exception {
    try (InProcessGateway gateway = gateway(MODEL, "min: 0, max: 16");
        KedaScaler keda = scaler(gateway, trigger("zero"), parameters("zero"))) {
      assertEquals(new KedaScaler.Reading(0, false, 0), keda.read());

      CompletableFuture<HttpResponse<String>> held = ask(gateway);
      Await.until("a wish for one", keda::read, KedaScaler.Reading::active);

      assertEquals(new KedaScaler.Reading(1, true, 1), keda.read());
      assertTrue(held.cancel(true));
    }
  }

  /** Its client leaves when it is cancelled, and the gateway waits for nobody at its end. */
  private static CompletableFuture<HttpResponse<String>> ask(InProcessGateway gateway) {
    String body = InProcessGateway.chat(false).replace("\"m\"", "\"" + MODEL + "\"");
    HttpRequest request =
        HttpRequest.newBuilder(gateway.api(InProcessGateway.CHAT))
            .header("Authorization", "Bearer app")
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
    return gateway.client().sendAsync(request, HttpResponse.BodyHandlers.ofString());
  }

  /** Then KEDA goes by {@code fallback}; a number would start or stop workers. */
  @Test
  void whatIsNotKnownOrNotAllowedIsNoNumber() throws Exception {
    try (InProcessGateway gateway = gateway(MODEL, "min: 2, max: 16", first)) {
      String url = trigger("multi-gateway").at("/metadata/url").asText();
      Map<String, String> viewer = parameters("multi-gateway");

      assertFails("api returned 404", gateway, with("url", url + "x"), viewer);
      assertFails("api returned 400", gateway, with("url", url + "?modle=x"), viewer);
      assertFails(
          "must point to a numeric value", gateway, with("valueLocation", "wanted"), viewer);
      assertFails("must point to a numeric value", gateway, with("valueLocation", "cause"), viewer);
      assertFails("api returned 401", gateway, trigger("multi-gateway"), Map.of("token", "nobody"));
      assertFails("api returned 403", gateway, trigger("multi-gateway"), Map.of("token", "app"));
      assertFails("token is required", gateway, trigger("multi-gateway"), Map.of());
    }
  }

  private static void assertFails(
      String why, InProcessGateway gateway, JsonNode trigger, Map<String, String> parameters) {
    KedaScaler.Failed failed =
        assertThrows(
            KedaScaler.Failed.class,
            () -> {
              try (KedaScaler keda = scaler(gateway, trigger, parameters)) {
                keda.read();
              }
            });
    assertTrue(String.valueOf(failed.getMessage()).contains(why), failed::getMessage);
  }

  /** Such are those of Hugging Face. */
  @Test
  void aModelsNameMayHaveASlash() throws Exception {
    JsonNode trigger =
        with("url", "http://gateway.switchboard:9901/admin/v1/autoscaling/Qwen%2FQwen3-0.6B");
    try (InProcessGateway gateway = gateway("Qwen/Qwen3-0.6B", "min: 2, max: 16", first);
        KedaScaler keda = scaler(gateway, trigger, parameters("multi-gateway"))) {
      assertEquals(2, keda.read().value());
    }
  }

  @Test
  void overTlsItIsReadByWhomTheCertificateIsKnownTo(@TempDir Path folder) throws Exception {
    TestCertificate root = TestCertificate.root("root", "EC");
    TestCertificate own = root.issue("gateway", "EC");
    Files.writeString(folder.resolve("tls.crt"), own.pem() + root.pem());
    Files.writeString(folder.resolve("tls.key"), own.keyPem());
    String tls =
        "admin: {bind: 0.0.0.0, tls: {certificate-file: F/tls.crt, key-file: F/tls.key}}\n"
            .replace("F/", folder + "/");
    JsonNode trigger = with("url", "https://localhost:9901/admin/v1/autoscaling/m");
    Map<String, String> viewer = parameters("multi-gateway");
    SSLSocketFactory knows = root.trusted().getSocketFactory();
    SSLSocketFactory others = (SSLSocketFactory) SSLSocketFactory.getDefault();
    try (InProcessGateway gateway =
            InProcessGateway.before(IdentityIT.keys(Role.values()) + tls, first);
        KedaScaler keda =
            new KedaScaler(trigger, viewer, address(gateway), at -> secure(at, knows));
        KedaScaler stranger =
            new KedaScaler(trigger, viewer, address(gateway), at -> secure(at, others))) {
      assertEquals(1, keda.read().value());
      KedaScaler.Failed failed = assertThrows(KedaScaler.Failed.class, stranger::read);
      assertTrue(String.valueOf(failed.getMessage()).contains("SSLHandshake"), failed::getMessage);
    }
  }

  /** Go's client offers no HTTP/2 where its TLS was configured. */
  private static Socket secure(InetSocketAddress address, SSLSocketFactory factory)
      throws IOException {
    SSLSocket socket =
        (SSLSocket) factory.createSocket(connect(address), "localhost", address.getPort(), true);
    SSLParameters parameters = socket.getSSLParameters();
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    parameters.setProtocols(new String[] {"TLSv1.3", "TLSv1.2"});
    socket.setSSLParameters(parameters);
    socket.startHandshake();
    return socket;
  }
}
