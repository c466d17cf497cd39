package dev.switchboard.gateway.manifests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.switchboard.gateway.manifests.Rendered.Thing;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Every object is one that Kubernetes and the operators' resources know, down to each field. */
class SchemasIT {
  private static final String ALL = "dev.switchboard.gateway.manifests.Rendered#names";
  private static final @Nullable Schemas SCHEMAS = Schemas.read();

  @ParameterizedTest
  @MethodSource(ALL)
  void everyObjectIsValid(String overlay) {
    List<String> wrong =
        published(overlay).stream()
            .flatMap(each -> Objects.requireNonNull(SCHEMAS).errors(each).stream())
            .toList();

    assertEquals(List.of(), wrong);
  }

  @ParameterizedTest
  @MethodSource(ALL)
  void everyFieldIsDeclared(String overlay) {
    List<String> undeclared =
        published(overlay).stream()
            .flatMap(each -> Objects.requireNonNull(SCHEMAS).undeclared(each).stream())
            .toList();

    assertEquals(List.of(), undeclared);
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
    if (SCHEMAS == null) {
      return;
    }
    ObjectNode wrong =
        Rendered.of("gpu").one("Deployment", "switchboard-gateway").json().deepCopy();
    ((ObjectNode) wrong.at(at)).set(field, new YAMLMapper().readTree(value));

    assertEquals(1, SCHEMAS.errors(new Thing(wrong)).size());
    assertEquals(1, SCHEMAS.undeclared(new Thing(wrong)).size());
  }

  @Test
  void aMisspeltFieldOfACustomResourceIsSeenToo() {
    if (SCHEMAS == null) {
      return;
    }
    ObjectNode wrong =
        Rendered.of("multi-gateway").one("ScaledObject", "qwen3-0-6b-worker").json().deepCopy();
    wrong.withObject("/spec").put("minReplicas", 1);

    assertEquals(1, SCHEMAS.errors(new Thing(wrong)).size());
    assertEquals(1, SCHEMAS.undeclared(new Thing(wrong)).size());
  }

  private static List<Thing> published(String overlay) {
    List<Thing> things = Rendered.of(overlay).things();
    assertFalse(things.isEmpty());
    System.out.println(
        "published: "
            + (SCHEMAS == null ? "no schemas, for want of shared/golden/k8s" : things.size())
            + " objects of "
            + overlay);
    return SCHEMAS == null ? List.of() : things;
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

  @Test
  void theRulesSeeWhatBreaksThem() {
    Rendered rendered = Rendered.of("multi-gateway");
    ObjectNode scaled = rendered.one("ScaledObject", "qwen3-0-6b-worker").json().deepCopy();
    scaled.withObject("/spec").put("minReplicaCount", 17);
    ObjectNode route = rendered.one("HTTPRoute", "switchboard").json().deepCopy();
    ((ObjectNode) route.at("/spec/rules/0/backendRefs/0")).remove("port");
    ((ObjectNode) route.at("/spec/rules/0/matches/0/path")).put("value", "v1");

    assertFalse(boundsAreInOrder(scaled));
    assertFalse(servicesAreReferredToWithAPort(route));
    assertFalse(pathsAreAbsolute(route));
  }
}
