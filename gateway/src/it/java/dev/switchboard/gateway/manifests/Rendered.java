package dev.switchboard.gateway.manifests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** What {@code kubectl kustomize} makes of the overlays, rendered once for all tests. */
public final class Rendered {
  static final Path HOME =
      Path.of(System.getProperty("switchboard.home", "..")).toAbsolutePath().normalize();
  static final Path K8S = HOME.resolve("k8s");

  /** Of an overlay that has what no other has: the components that stand in place of others. */
  private static final String OTHER =
      """
      apiVersion: kustomize.config.k8s.io/v1beta1
      kind: Kustomization
      namespace: switchboard
      resources: [K8S/base, K8S/models/qwen3-0.6b]
      components:
        - K8S/components/keys
        - K8S/components/gpu-dra
        - K8S/components/model-volume-claim
        - K8S/components/hpa
        - K8S/components/ingress
        - K8S/components/inference-pool
        - K8S/components/leader-worker-set
      configMapGenerator:
        - {name: switchboard-gateway, behavior: replace, files: [switchboard.yaml]}
      """;

  /** As components/leader-worker-set and components/inference-pool say. */
  private static final String FOREIGN =
      """
            - {model: llama-405b, service: llama-405b-api, port-name: http, engine: vllm}
            - {model: pooled, inference-pool: pooled, engine: vllm}
      """;

  private static final Map<String, Rendered> ALL = new TreeMap<>();

  /** An object with where it came from. */
  public record Thing(JsonNode json) {
    public String kind() {
      return json.path("kind").asText();
    }

    public String api() {
      return json.path("apiVersion").asText();
    }

    public String name() {
      return json.at("/metadata/name").asText();
    }

    @Override
    public String toString() {
      return kind() + "/" + name();
    }
  }

  /**
   * A template of pods.
   *
   * @param owner what makes pods of it
   * @param role leader or worker of a LeaderWorkerSet; else empty
   */
  public record Pods(Thing owner, String role, JsonNode template) {
    public JsonNode spec() {
      return template.path("spec");
    }

    public JsonNode labels() {
      return template.at("/metadata/labels");
    }

    public List<JsonNode> containers() {
      List<JsonNode> all = new ArrayList<>(mains());
      spec().path("initContainers").forEach(all::add);
      return all;
    }

    public List<JsonNode> mains() {
      return spec().path("containers").valueStream().toList();
    }

    /** Whether somebody sends it requests, so that it has to say how it is. */
    boolean serves() {
      return !owner.kind().equals("Job") && !role.equals("workerTemplate");
    }

    boolean ours() {
      return labels().path("app.kubernetes.io/name").asText().startsWith("switchboard-")
          && containers().stream().allMatch(each -> image(each).startsWith("switchboard-"));
    }

    static String image(JsonNode container) {
      return container.path("image").asText();
    }

    @Override
    public String toString() {
      return owner + (role.isEmpty() ? "" : "/" + role);
    }
  }

  private final List<Thing> things;

  private Rendered(String yaml) {
    this.things = parse(yaml);
  }

  /** Every overlay, and one of the components that no overlay has. */
  public static Stream<String> names() {
    try (Stream<Path> folders = Files.list(K8S.resolve("overlays"))) {
      return Stream.concat(
          folders.map(folder -> folder.getFileName().toString()), Stream.of("other"))
          .sorted()
          .toList()
          .stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public static synchronized Rendered of(String name) {
    return ALL.computeIfAbsent(name, Rendered::render);
  }

  private static Rendered render(String name) {
    try {
      Path folder = K8S.resolve("overlays").resolve(name);
      if (name.equals("other")) {
        folder = Files.createDirectories(HOME.resolve("gateway/target/other-overlay"));
        Files.writeString(
            folder.resolve("kustomization.yaml"), OTHER.replace("K8S", "../../../k8s"));
        String file = Files.readString(K8S.resolve("overlays/gpu/switchboard.yaml"));
        Files.writeString(
            folder.resolve("switchboard.yaml"),
            file.replace("    models:\n", "    models:\n" + FOREIGN));
      }
      return new Rendered(kustomize(folder));
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static String kustomize(Path folder) throws IOException, InterruptedException {
    Path said = Files.createTempFile("kustomize", ".err");
    Process process =
        new ProcessBuilder("kubectl", "kustomize", folder.toString())
            .redirectError(said.toFile())
            .start();
    String yaml = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(process.waitFor(60, TimeUnit.SECONDS));
    assertEquals("", Files.readString(said), folder.toString());
    assertEquals(0, process.exitValue());
    Files.delete(said);
    return yaml;
  }

  private static List<Thing> parse(String yaml) {
    List<Thing> found = new ArrayList<>();
    try (var documents =
        new YAMLMapper().readerFor(ObjectNode.class).<ObjectNode>readValues(yaml)) {
      for (Iterator<ObjectNode> each = documents; each.hasNext(); ) {
        found.add(new Thing(each.next()));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return found;
  }

  List<Thing> things() {
    return things;
  }

  public List<Thing> all(String kind) {
    return things.stream().filter(each -> each.kind().equals(kind)).toList();
  }

  public Thing one(String kind, String name) {
    return all(kind).stream().filter(each -> each.name().equals(name)).findFirst().orElseThrow();
  }

  public List<Pods> pods() {
    List<Pods> found = new ArrayList<>();
    for (Thing each : things) {
      switch (each.kind()) {
        case "Deployment", "StatefulSet", "DaemonSet", "Job" ->
            found.add(new Pods(each, "", each.json().at("/spec/template")));
        case "LeaderWorkerSet" -> {
          for (String role : List.of("leaderTemplate", "workerTemplate")) {
            found.add(new Pods(each, role, each.json().at("/spec/leaderWorkerTemplate/" + role)));
          }
        }
        default -> {
          // Makes no pods.
        }
      }
    }
    return found;
  }

  public Pods pods(String owner) {
    return pods().stream()
        .filter(each -> each.owner().name().equals(owner))
        .findFirst()
        .orElseThrow();
  }

  /** The gateways' configuration. */
  public String configuration() {
    Thing map =
        all("ConfigMap").stream()
            .filter(each -> each.json().path("data").has("switchboard.yaml"))
            .findFirst()
            .orElseThrow();
    return map.json().at("/data/switchboard.yaml").asText();
  }

  /** Whether labels are those that a map of equalities or a label selector asks for. */
  public static boolean selects(JsonNode selector, JsonNode labels) {
    JsonNode equal = selector.has("matchLabels") ? selector.path("matchLabels") : selector;
    if (!selector.has("matchExpressions")) {
      return equal.properties().stream()
          .allMatch(each -> labels.path(each.getKey()).equals(each.getValue()));
    }
    return selector
        .path("matchExpressions")
        .valueStream()
        .allMatch(
            each ->
                each.path("operator").asText().equals("In")
                    && each.path("values")
                        .valueStream()
                        .anyMatch(labels.path(each.path("key").asText())::equals));
  }
}
