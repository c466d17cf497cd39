package dev.switchboard.gateway.manifests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.switchboard.gateway.manifests.Rendered.Thing;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Every object is one that Kubernetes and the operators' resources know, down to each field. */
class SchemasIT {
  private static final String ALL = "dev.switchboard.gateway.manifests.Rendered#names";
  private static final @Nullable Schemas SCHEMAS = Schemas.read();

  /** Without schemas the tests that need them are told as not run, and why. */
  private static Schemas schemas() {
    assumeTrue(SCHEMAS != null, "not run for want of shared/golden beside the checkout");
    return Objects.requireNonNull(SCHEMAS);
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void everyObjectIsValid(String overlay) {
    Schemas schemas = schemas();
    List<Thing> things = Rendered.of(overlay).things();

    List<String> wrong = things.stream().flatMap(each -> schemas.errors(each).stream()).toList();

    System.out.println("published: " + things.size() + " objects of " + overlay + " validated");
    assertFalse(things.isEmpty());
    assertEquals(List.of(), wrong);
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void everyFieldIsDeclared(String overlay) {
    Schemas schemas = schemas();

    assertEquals(
        List.of(),
        Rendered.of(overlay).things().stream()
            .flatMap(each -> schemas.undeclared(each).stream())
            .toList());
  }

  /** What no overlay has is held to nothing. */
  @Test
  void everyFolderOfTheManifestsIsInSomeOverlay() throws Exception {
    Set<Path> reached = new TreeSet<>();
    for (String name : Rendered.names().toList()) {
      Rendered _ = Rendered.of(name);
      reach(Rendered.folder(name), reached);
    }
    Set<Path> left = new TreeSet<>();
    try (Stream<Path> files = Files.walk(Rendered.K8S)) {
      files
          .filter(file -> file.endsWith(Rendered.NAME))
          .map(file -> Objects.requireNonNull(file.getParent()))
          .filter(folder -> !reached.contains(folder))
          .forEach(left::add);
    }

    assertEquals(Set.of(), left);
    assertTrue(reached.size() >= 25, reached::toString);
  }

  private static void reach(Path folder, Set<Path> reached) throws IOException {
    Path file = folder.resolve(Rendered.NAME);
    if (Files.exists(file) && reached.add(folder)) {
      JsonNode made = new YAMLMapper().readTree(file.toFile());
      for (String list : List.of("resources", "components")) {
        for (JsonNode each : made.path(list)) {
          reach(folder.resolve(each.asText()).normalize(), reached);
        }
      }
    }
  }

  @Test
  void onlyWithoutAPlaceForSchemasThereAreNone(@TempDir Path folder) throws Exception {
    Path named = Files.createDirectories(folder.resolve("named"));
    Path beside = Files.createDirectories(folder.resolve("golden"));

    assertNull(Schemas.read(null, folder.resolve("none")));
    assertThrows(UncheckedIOException.class, () -> Schemas.read(null, beside));
    assertThrows(UncheckedIOException.class, () -> Schemas.read(named.toString(), beside));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "/spec/template/spec | serviceAcountName | \"x\"",
        "/spec/template/spec/containers/0 | imagee | \"x\"",
        "/spec | replica | 3",
        "/metadata | label | {}",
        "/spec/template/spec/containers/0/resources | limit | {}"
      })
  void aMisspeltFieldIsSeenByBoth(String at, String field, String value) throws Exception {
    Schemas schemas = schemas();
    ObjectNode wrong =
        Rendered.of("gpu").one("Deployment", "switchboard-gateway").json().deepCopy();
    ((ObjectNode) wrong.at(at)).set(field, new YAMLMapper().readTree(value));

    assertEquals(1, schemas.errors(new Thing(wrong)).size());
    assertEquals(1, schemas.undeclared(new Thing(wrong)).size());
  }

  @Test
  void aMisspeltFieldOfACustomResourceIsSeenToo() {
    Schemas schemas = schemas();
    ObjectNode wrong =
        Rendered.of("multi-gateway").one("ScaledObject", "qwen3-0-6b-worker").json().deepCopy();
    wrong.withObject("/spec").put("minReplicas", 1);

    assertEquals(1, schemas.errors(new Thing(wrong)).size());
    assertEquals(1, schemas.undeclared(new Thing(wrong)).size());
  }

  // Rules in CEL, which no validator of schemas evaluates: those that a change here is likely to
  // break.

  @ParameterizedTest
  @MethodSource(ALL)
  void everyObjectKeepsTheRules(String overlay) {
    for (Thing each : Rendered.of(overlay).things()) {
      assertTrue(boundsAreInOrder(each.json()), each::toString);
      assertTrue(servicesAreReferredToWithAPort(each.json()), each::toString);
      assertTrue(pathsAreAbsolute(each.json()), each::toString);
    }
  }

  /** keda.sh, ScaledObject: minReplicaCount is at most maxReplicaCount, which is 100 by default. */
  private static boolean boundsAreInOrder(JsonNode object) {
    JsonNode spec = object.path("spec");
    return !object.path("kind").asText().equals("ScaledObject")
        || !spec.has("minReplicaCount")
        || spec.path("minReplicaCount").asInt() <= spec.path("maxReplicaCount").asInt(100);
  }

  /** gateway.networking.k8s.io, HTTPRoute: a reference to a Service needs a port. */
  private static boolean servicesAreReferredToWithAPort(JsonNode object) {
    return !object.path("kind").asText().equals("HTTPRoute")
        || object
            .at("/spec/rules")
            .valueStream()
            .flatMap(rule -> rule.path("backendRefs").valueStream())
            .allMatch(
                reference ->
                    !reference.path("group").asText("").isEmpty()
                        || !reference.path("kind").asText("Service").equals("Service")
                        || reference.has("port"));
  }

  /** The same: a path that is matched is absolute, without two slashes. */
  private static boolean pathsAreAbsolute(JsonNode object) {
    return !object.path("kind").asText().equals("HTTPRoute")
        || object
            .at("/spec/rules")
            .valueStream()
            .flatMap(rule -> rule.path("matches").valueStream())
            .map(match -> match.at("/path/value").asText("/"))
            .allMatch(value -> value.startsWith("/") && !value.contains("//"));
  }

  /** As they stand in the schemas: another text there is another rule here. */
  @Test
  void theRulesAreThoseOfTheResources() {
    List<String> scaled = schemas().rules("keda.sh/v1alpha1/ScaledObject");
    List<String> route = schemas().rules("gateway.networking.k8s.io/v1/HTTPRoute");

    assertTrue(
        scaled.contains(
            "!has(self.minReplicaCount) || self.minReplicaCount <= "
                + "(has(self.maxReplicaCount) ? self.maxReplicaCount : 100)"),
        scaled::toString);
    assertTrue(
        route.contains("(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true"),
        route::toString);
    String path = "(self.type in ['Exact','PathPrefix']) ? ";
    assertTrue(route.contains(path + "self.value.startsWith('/') : true"), route::toString);
    assertTrue(route.contains(path + "!self.value.contains('//') : true"), route::toString);
  }

  @Test
  void theRulesSeeWhatBreaksThem() {
    Rendered rendered = Rendered.of("multi-gateway");
    ObjectNode scaled = rendered.one("ScaledObject", "qwen3-0-6b-worker").json().deepCopy();
    scaled.withObject("/spec").put("minReplicaCount", 17);
    ObjectNode unbounded = scaled.deepCopy();
    unbounded.withObject("/spec").put("minReplicaCount", 101).remove("maxReplicaCount");
    ObjectNode route = rendered.one("HTTPRoute", "switchboard").json().deepCopy();
    ((ObjectNode) route.at("/spec/rules/0/backendRefs/0")).remove("port");
    ((ObjectNode) route.at("/spec/rules/0/matches/0/path")).put("value", "v1");

    assertFalse(boundsAreInOrder(scaled));
    assertFalse(boundsAreInOrder(unbounded));
    assertFalse(servicesAreReferredToWithAPort(route));
    assertFalse(pathsAreAbsolute(route));
  }
}
