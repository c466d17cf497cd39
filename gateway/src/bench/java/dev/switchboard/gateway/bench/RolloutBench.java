package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.switchboard.bench.MarkdownTable;
import dev.switchboard.gateway.identity.KeySecret;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.PemKeyCertOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The rendered base as containers on one machine, rolled out anew under streams. */
@Command(
    name = "rollout",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Runs the Job that makes keys and starts the Deployments of console, gateway and worker from",
      "rendered manifests under podman, and keeps streams open. Replaces every worker, kills one and",
      "then half of them, cuts half of them off, kills a gateway, and half of the workers with a",
      "gateway, scales workers to one and back, and replaces every gateway. Ends with 1 where a",
      "stream breaks that no killed gateway relayed, a request fails, gateways recorded other use",
      "than clients had, or a pod outlives its grace. It makes a bridge and network namespaces:",
      ".ci/rollout-test runs it where nobody else has any."
    })
public final class RolloutBench implements Callable<Integer> {
  private static final int API_PORT = 6443;
  private static final String KEYS = "switchboard-keys";
  private static final int CONSOLE_SECONDS = 180;

  @Option(names = "--manifests", required = true, description = "As kubectl kustomize prints them.")
  private Path manifests = Path.of("");

  @Option(names = "--work", required = true, description = "Folder of volumes and logs.")
  private Path work = Path.of("");

  @Option(names = "--certificate", required = true, description = "The API server's, PEM.")
  private Path certificate = Path.of("");

  @Option(names = "--key", required = true, description = "Of the certificate, PEM.")
  private Path key = Path.of("");

  @Option(
      names = "--streams",
      defaultValue = "200",
      description = "At once; 0 ends after keys and console.")
  private int streams;

  @Option(
      names = "--workers",
      defaultValue = "8",
      description = {
        "Pods of the worker, each of which runs 64 sequences; half of them must have room for",
        "all streams, as where an operator expects to lose a zone."
      })
  private int workers;

  @Option(
      names = "--stream-seconds",
      defaultValue = "28",
      description = {
        "How long the longest streams take while nothing else happens: several times what",
        "streams of a worker that ends may take. While gateways are replaced half as long,",
        "since a stream ends with its gateway."
      })
  private int streamSeconds;

  private final Map<String, JsonNode> objects = new HashMap<>();

  private RolloutBench() {}

  public static void main(String[] arguments) {
    // Probes of the console name the host that they ask.
    System.setProperty("sun.net.http.allowRestrictedHeaders", "true");
    System.exit(new CommandLine(new RolloutBench()).execute(arguments));
  }

  @Override
  public Integer call() throws Exception {
    read();
    RolloutNode.connect();
    HttpServerOptions options =
        new HttpServerOptions()
            .setHost(RolloutNode.OWN_ADDRESS)
            .setPort(API_PORT)
            .setSsl(true)
            .setKeyCertOptions(
                new PemKeyCertOptions()
                    .setCertPath(certificate.toString())
                    .setKeyPath(key.toString()));
    RolloutTemplate gateway = RolloutTemplate.of(deployment("switchboard-gateway"));
    RolloutTemplate worker = RolloutTemplate.of(deployment("switchboard-worker")).scaled(workers);
    String token = KeySecret.fresh(new SecureRandom());
    RolloutNode node = node(token);
    try (FakeKubernetes api = new FakeKubernetes(options);
        RolloutCluster cluster =
            new RolloutCluster(api, node, namespace(), workerService(worker), gateway)) {
      api.token(token);
      Map<String, String> keys = keys(node, api);
      RolloutPod console = console(cluster);
      RolloutStage stage =
          new RolloutStage(
              cluster,
              new RolloutDeployment(cluster, worker),
              new RolloutDeployment(cluster, gateway),
              keys,
              worker.labels().getOrDefault("switchboard.dev/model", ""));
      List<RolloutStage.Row> rows = streams == 0 ? List.of() : stage.run(streams, streamSeconds);
      console.delete();
      console.complaints().forEach(what -> System.out.println("BROKEN " + what));
      return print(rows) && console.complaints().isEmpty() ? 0 : 1;
    }
  }

  private void read() throws IOException {
    YAMLMapper yaml = new YAMLMapper();
    try (var documents =
        yaml.readerFor(JsonNode.class).<JsonNode>readValues(Files.readString(manifests))) {
      while (documents.hasNext()) {
        JsonNode each = documents.next();
        objects.put(each.path("kind").asText() + "/" + each.at("/metadata/name").asText(), each);
      }
    }
  }

  private JsonNode deployment(String application) {
    return objects.values().stream()
        .filter(each -> each.path("kind").asText().equals("Deployment"))
        .filter(
            each ->
                each.path("metadata")
                    .path("labels")
                    .path("app.kubernetes.io/name")
                    .asText()
                    .equals(application))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no Deployment of " + application));
  }

  private String namespace() {
    return deployment("switchboard-gateway").at("/metadata/namespace").asText();
  }

  private JsonNode workerService(RolloutTemplate worker) {
    return objects.values().stream()
        .filter(each -> each.path("kind").asText().equals("Service"))
        .filter(
            each ->
                each.at("/spec/selector").properties().stream()
                    .allMatch(
                        label ->
                            label.getValue().asText().equals(worker.labels().get(label.getKey()))))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no Service of " + worker.name()));
  }

  /** By the Job of the component {@code keys}, which asks the API server for a Secret of them. */
  private Map<String, String> keys(RolloutNode node, FakeKubernetes api) throws IOException {
    String _ = node.network(KEYS);
    node.start(KEYS, RolloutTemplate.of(object("Job/" + KEYS)));
    int status = RolloutNode.status(KEYS);
    node.keepLog(KEYS);
    ObjectNode secret = api.get("/api/v1/namespaces/" + namespace() + "/secrets", KEYS);
    if (status != 0 || secret == null) {
      throw new IOException("the Job that makes keys ended with status " + status);
    }
    secret.set("data", secret.path("stringData"));
    objects.put("Secret/" + KEYS, secret);
    Map<String, String> keys = new HashMap<>();
    secret.path("data").properties().forEach(e -> keys.put(e.getKey(), e.getValue().asText()));
    System.out.println("  the Job made the keys " + new TreeSet<>(keys.keySet()));
    return keys;
  }

  /** It stays until the end; whether it ends by itself or is not alive is told like of any pod. */
  private RolloutPod console(RolloutCluster cluster) throws IOException {
    long begun = System.nanoTime();
    RolloutPod console = cluster.create(RolloutTemplate.of(deployment("switchboard-console")));
    while (!console.available()) {
      double seconds = (System.nanoTime() - begun) / 1e9;
      if (seconds > CONSOLE_SECONDS) {
        throw new IOException("the console is not ready: " + console.complaints());
      }
      Target.pause(100);
    }
    System.out.printf(
        Locale.ROOT, "  the console is ready after %.1f s%n", (System.nanoTime() - begun) / 1e9);
    return console;
  }

  private JsonNode object(String name) {
    JsonNode found = objects.get(name);
    if (found == null) {
      throw new IllegalArgumentException(name + " is not rendered");
    }
    return found;
  }

  private RolloutNode node(String token) throws IOException {
    return new RolloutNode(
        work.toAbsolutePath(),
        objects,
        Map.of("token", token, "namespace", namespace(), "ca.crt", Files.readString(certificate)),
        Map.of(
            "KUBERNETES_SERVICE_HOST",
            RolloutNode.OWN_ADDRESS,
            "KUBERNETES_SERVICE_PORT",
            Integer.toString(API_PORT)));
  }

  private static boolean print(List<RolloutStage.Row> rows) {
    List<List<String>> cells = new ArrayList<>();
    rows.forEach(row -> cells.add(row.cells()));
    MarkdownTable.print(System.out, RolloutStage.Row.HEADS, cells);
    rows.forEach(
        row ->
            row.faults().forEach(what -> System.out.println("BROKEN " + row.what() + ": " + what)));
    return rows.stream().allMatch(row -> row.faults().isEmpty());
  }
}
