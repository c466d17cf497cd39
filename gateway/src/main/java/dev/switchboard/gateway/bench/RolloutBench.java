package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Plays a rendered overlay with podman, in the images as they are shipped, and rolls, scales and
 * loses its pods under live streams. Kubernetes itself is not there: its controllers and kubelet
 * are {@link RolloutCluster} and {@link PodRun}, its API server is {@link FakeKubernetes}.
 */
@Command(
    name = "rollout",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Plays the manifests with podman and rolls, scales and loses pods under live streams;",
      "ends with status 1 when a stream fails. As root; `./switchboard test --long` prepares it."
    })
public final class RolloutBench implements Callable<Integer> {
  private static final int PATIENCE_SECONDS = 120;
  private static final int AFTERMATH_MS = 5000;

  @Option(
      names = "--manifests",
      required = true,
      paramLabel = "FILE",
      description = "A rendered overlay: kubectl kustomize k8s/overlays/cpu-dev.")
  private Path manifests = Path.of("");

  @Option(
      names = "--folder",
      required = true,
      description = "Podman's storage with the images, and its containers.conf.")
  private Path folder = Path.of("");

  @Option(names = "--network", required = true, description = "Podman's network of the pods.")
  private String network = "";

  @Option(names = "--host", required = true, description = "This machine's address in it.")
  private String host = "";

  @Option(names = "--streams", defaultValue = "200", description = "At a time (default 200).")
  private int streams;

  private final List<String> rows = new ArrayList<>();
  private boolean kept = true;

  private RolloutBench() {}

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new RolloutBench()).execute(arguments));
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    Podman podman = new Podman(folder.toAbsolutePath(), network);
    Vertx vertx = Vertx.vertx();
    try (FakeKubernetes api = new FakeKubernetes()) {
      api.token("a-token");
      List<JsonNode> documents = documents();
      podman.play("secrets", secrets());
      try (RolloutCluster cluster =
          new RolloutCluster(podman, api, of(documents, "Deployment"))) {
        cluster.scale(RolloutCluster.WORKER, 3); // the network is there with the first of them
        cluster.configure(config(documents, relay(vertx, api.url().getPort())));
        run(cluster);
      }
    } finally {
      vertx.close().toCompletionStage().toCompletableFuture().join();
    }
    rows.forEach(System.out::println);
    return kept ? 0 : 1;
  }

  private void run(RolloutCluster cluster) throws IOException, InterruptedException {
    cluster.scale(RolloutCluster.GATEWAY, 2);
    RolloutLoad load = new RolloutLoad(cluster::gateways, "app-key-of-the-rollout", streams);
    load.learn();
    load.start();
    rows.add(
        "| What | Seconds | Streams live before | Completed meanwhile | Failed or broken | Longest"
            + " gap |");
    rows.add("|---|---|---|---|---|---|");
    scenario("nothing", cluster, load, () -> Target.pause(AFTERMATH_MS));
    scenario(
        "rolling update of the gateways",
        cluster,
        load,
        () -> cluster.roll(RolloutCluster.GATEWAY));
    scenario(
        "rolling update of the workers", cluster, load, () -> cluster.roll(RolloutCluster.WORKER));
    scenario("workers from 3 to 1", cluster, load, () -> cluster.scale(RolloutCluster.WORKER, 1));
    scenario("workers from 1 to 3", cluster, load, () -> cluster.scale(RolloutCluster.WORKER, 3));
    scenario(
        "loss of a machine with one worker of three",
        cluster,
        load,
        () -> cluster.lose(RolloutCluster.WORKER, 1));
    load.finish();
    cluster.settle();
    report(cluster, load);
  }

  /** What is done to the cluster. */
  private interface Action {
    void run() throws IOException;
  }

  private void scenario(String what, RolloutCluster cluster, RolloutLoad load, Action action)
      throws IOException, InterruptedException {
    if (ChaosGateway.await(() -> load.live() >= streams * 9 / 10, PATIENCE_SECONDS) < 0) {
      System.err.println("only " + load.live() + " streams are live: " + load.complaints());
    }
    int live = load.live();
    RolloutLoad.Tally before = load.tally();
    long begun = System.nanoTime();
    System.err.println(what);
    action.run();
    cluster.settle();
    Target.pause(AFTERMATH_MS);
    RolloutLoad.Tally tally = load.tally().since(before);
    kept &= tally.bad() == 0;
    rows.add(
        String.format(
            Locale.ROOT,
            "| %s | %.0f | %d | %d | %d | %.1f s |",
            what,
            (System.nanoTime() - begun) / 1e9,
            live,
            tally.good(),
            tally.bad(),
            tally.longestGapMs() / 1000));
    System.err.println(rows.getLast());
  }

  private void report(RolloutCluster cluster, RolloutLoad load) throws IOException {
    List<String> differences = load.ledger().compareRecords(cluster.records());
    rows.add("");
    rows.add(
        differences.isEmpty()
            ? "Each of %d requests has one record of a gateway that says what its client saw."
                .formatted(load.ledger().begun())
            : "Clients and gateways disagree: " + differences);
    load.complaints().forEach(each -> rows.add("- " + each));
    cluster.troubles().forEach(each -> rows.add("- " + each));
    kept &= differences.isEmpty() && cluster.troubles().isEmpty();
  }

  /** The double listens on loopback, and pods are elsewhere. */
  private int relay(Vertx vertx, int port) {
    return vertx
        .createNetServer()
        .connectHandler(
            from -> {
              from.pause();
              vertx
                  .createNetClient()
                  .connect(port, "127.0.0.1")
                  .onSuccess(
                      to -> {
                        from.pipeTo(to);
                        to.pipeTo(from);
                      })
                  .onFailure(away -> from.close());
            })
        .listen(0, host)
        .toCompletionStage()
        .toCompletableFuture()
        .join()
        .actualPort();
  }

  private List<JsonNode> documents() throws IOException {
    ObjectMapper yaml = new ObjectMapper(new YAMLFactory());
    try (var parser = yaml.getFactory().createParser(manifests.toFile())) {
      List<JsonNode> all = new ArrayList<>();
      yaml.readValues(parser, JsonNode.class).forEachRemaining(all::add);
      return all;
    }
  }

  private static List<JsonNode> of(List<JsonNode> documents, String kind) {
    return documents.stream().filter(each -> each.path("kind").asText().equals(kind)).toList();
  }

  /** The rendered one, with where the API server is, and with every request in the log as text. */
  private JsonNode config(List<JsonNode> documents, int port) throws JsonProcessingException {
    ObjectMapper yaml = new ObjectMapper(new YAMLFactory());
    ObjectNode map =
        (ObjectNode)
            of(documents, "ConfigMap").stream()
                .filter(each -> each.at("/data").has("switchboard.yaml"))
                .findFirst()
                .orElseThrow();
    ObjectNode config = (ObjectNode) yaml.readTree(map.at("/data/switchboard.yaml").asText());
    config.withObject("/discovery/kubernetes").put("api-server", "http://" + host + ":" + port);
    config.withObject("/telemetry").put("log-requests", true);
    config.withObject("/log").put("format", "text");
    map.withObject("/data").put("switchboard.yaml", yaml.writeValueAsString(config));
    return map;
  }

  /** What the keys' Job and the kubelet would have made. */
  private static List<JsonNode> secrets() {
    ObjectNode keys = secret("switchboard-keys");
    for (String role : List.of("app", "viewer", "operator", "admin", "fleet")) {
      keys.withObject("/stringData").put(role, role + "-key-of-the-rollout");
    }
    ObjectNode account = secret("account");
    account.withObject("/stringData").put("token", "a-token").put("namespace", "default");
    return List.of(keys, account);
  }

  private static ObjectNode secret(String name) {
    ObjectNode secret = JsonNodeFactory.instance.objectNode();
    secret.put("apiVersion", "v1").put("kind", "Secret").put("type", "Opaque");
    secret.putObject("metadata").put("name", name);
    return secret;
  }
}
