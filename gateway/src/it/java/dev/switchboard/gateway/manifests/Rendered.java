package dev.switchboard.gateway.manifests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What {@code kubectl kustomize} makes of the overlays, rendered once for all tests. */
public final class Rendered {
  static final Path HOME =
      Path.of(System.getProperty("switchboard.home", "..")).toAbsolutePath().normalize();
  static final Path K8S = HOME.resolve("k8s");
  static final String NAME = "kustomization.yaml";

  /** Of an overlay that is made here. */
  private static final String MADE =
      """
      apiVersion: kustomize.config.k8s.io/v1beta1
      kind: Kustomization
      namespace: switchboard
      resources: [../../../k8s/base, ../../../k8s/models/qwen3-0.6bSCALED]
      components:
        - ../../../k8s/components/COMPONENTS
      configMapGenerator:
        - {name: switchboard-gateway, behavior: replace, files: [switchboard.yaml]}
      """;

  /** Overlays of the components that none under {@code k8s/} has, as many as can be together. */
  private static final Map<String, List<String>> COMPONENTS =
      Map.of(
          "other",
          List.of(
              "keys",
              "gpu-dra",
              "model-volume-claim",
              "shared-store",
              "hpa",
              "ingress",
              "inference-pool",
              "leader-worker-set",
              "roll-in-place"),
          "standby",
          List.of("keys", "standby", "gpu", "model-volume-claim", "shared-store", "keda"),
          "zero",
          List.of("keys", "shared-store", "keda", "scale-to-zero"));

  /** What a component says that the gateways' file gets, in the comment above it. */
  private static final Pattern SAID = Pattern.compile("(?m)^#   (.*)$");

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

  /** Every overlay, and those of the components that no overlay has. */
  public static Stream<String> names() {
    try (Stream<Path> folders = Files.list(K8S.resolve("overlays"))) {
      return Stream.concat(
          folders.map(folder -> folder.getFileName().toString()), COMPONENTS.keySet().stream())
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
      List<String> components = COMPONENTS.get(name);
      if (components != null) {
        make(folder(name), components);
      }
      return new Rendered(kustomize(folder(name)));
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Where what an overlay is made of stands, which {@link #of} writes where it is made here. */
  static Path folder(String name) {
    return COMPONENTS.containsKey(name)
        ? HOME.resolve("gateway/target").resolve(name + "-overlay")
        : K8S.resolve("overlays").resolve(name);
  }

  private static void make(Path folder, List<String> components) throws IOException {
    Files.createDirectories(folder);
    Files.writeString(
        folder.resolve(NAME),
        MADE.replace("SCALED", components.contains("keda") ? ", scaling.yaml" : "")
            .replace("COMPONENTS", String.join("\n  - ../../../k8s/components/", components)));
    String file = Files.readString(K8S.resolve("overlays/gpu/switchboard.yaml"));
    for (String each : components) {
      file = told(file, Files.readString(K8S.resolve("components").resolve(each).resolve(NAME)));
    }
    Files.writeString(folder.resolve("switchboard.yaml"), file);
    Files.copy(
        K8S.resolve("overlays/multi-gateway/scaling.yaml"),
        folder.resolve("scaling.yaml"),
        StandardCopyOption.REPLACE_EXISTING);
  }

  private static String told(String file, String component) {
    String models = "    models:\n";
    String more = file;
    for (MatchResult said : SAID.matcher(component).results().toList()) {
      String line = said.group(1);
      String key = line.substring(0, line.indexOf(':'));
      Matcher within = Pattern.compile("(?m)^( +)" + Pattern.quote(key) + ":.*$").matcher(more);
      if (line.startsWith("- ")) {
        more = more.replace(models, models + "      " + line + "\n");
      } else if (within.find()) {
        more = within.replaceFirst("$1" + Matcher.quoteReplacement(line));
      } else {
        more = without(more, key) + line + "\n";
      }
    }
    return more;
  }

  /** A file without one of its keys: a component may have another value for it. */
  private static String without(String file, String key) {
    return file.replaceAll("(?m)^" + Pattern.quote(key) + ":.*\\R(?: .*\\R)*", "");
  }

  private static String kustomize(Path folder) throws IOException, InterruptedException {
    Path said = Files.createTempFile("kustomize", ".err");
    Process process =
        new ProcessBuilder("kubectl", "kustomize", folder.toString())
            .redirectError(said.toFile())
            .start();
    String yaml = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(process.waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
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
