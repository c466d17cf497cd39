package dev.switchboard.gateway.manifests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.manifests.Rendered.Thing;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is reached from outside the cluster: by which names, over TLS, and nothing else. */
class OutsideIT {
  private static final String ALL = "dev.switchboard.gateway.manifests.Rendered#names";
  private static final Set<String> SERVICES = Set.of("switchboard-gateway", "switchboard-console");

  /** Where names lead, as {@code NAME/PATH} to {@code SERVICE}. */
  private static Map<String, String> ways(Rendered rendered) {
    Map<String, String> ways = new TreeMap<>();
    for (Thing route : rendered.all("HTTPRoute")) {
      for (JsonNode name : route.json().at("/spec/hostnames")) {
        for (JsonNode rule : route.json().at("/spec/rules")) {
          for (JsonNode match : rule.path("matches")) {
            assertEquals("PathPrefix", match.at("/path/type").asText(), route::toString);
            for (JsonNode backend : rule.path("backendRefs")) {
              ways.put(
                  name.asText() + match.at("/path/value").asText(),
                  backend.path("name").asText() + ":" + backend.path("port").asText());
            }
          }
        }
      }
    }
    for (Thing ingress : rendered.all("Ingress")) {
      for (JsonNode rule : ingress.json().at("/spec/rules")) {
        for (JsonNode path : rule.at("/http/paths")) {
          assertEquals("Prefix", path.path("pathType").asText(), ingress::toString);
          JsonNode service = path.at("/backend/service");
          ways.put(
              rule.path("host").asText() + path.path("path").asText(),
              service.path("name").asText() + ":" + port(rendered, service));
        }
      }
    }
    return ways;
  }

  private static String port(Rendered rendered, JsonNode service) {
    return rendered
        .one("Service", service.path("name").asText())
        .json()
        .at("/spec/ports")
        .valueStream()
        .filter(port -> port.path("name").equals(service.at("/port/name")))
        .map(port -> port.path("port").asText())
        .findFirst()
        .orElse("");
  }

  @Test
  void bothWaysFromOutsideLeadToTheSame() {
    Map<String, String> byRoute = ways(Rendered.of("multi-gateway"));

    assertEquals(
        Map.of(
            "api.switchboard.example.com/v1", "switchboard-gateway:80",
            "console.switchboard.example.com/", "switchboard-console:80"),
        byRoute);
    assertEquals(byRoute, ways(Rendered.of("other")));
  }

  /** Metrics, the admin API and probes are for those inside. */
  @ParameterizedTest
  @MethodSource(ALL)
  void onlyTheApiAndTheConsoleAreReached(String overlay) {
    Rendered rendered = Rendered.of(overlay);
    ways(rendered)
        .forEach(
            (from, to) -> {
              String service = to.replaceFirst(":.*", "");
              assertTrue(SERVICES.contains(service), from + " leads to " + to);
              assertTrue(service.endsWith("console") || from.endsWith("/v1"), from);
            });
    for (Thing ingress : rendered.all("Ingress")) {
      assertFalse(ingress.json().path("spec").has("defaultBackend"), ingress::toString);
    }
    for (Thing service : rendered.all("Service")) {
      assertEquals(
          "ClusterIP", service.json().at("/spec/type").asText("ClusterIP"), service::toString);
    }
  }

  /** A name without a certificate would be served in clear text, or with the proxy's own. */
  @ParameterizedTest
  @MethodSource(ALL)
  void everyNameIsServedOverTlsWithACertificateThatThePageTellsOf(String overlay)
      throws IOException {
    Rendered rendered = Rendered.of(overlay);
    String page = Files.readString(Rendered.K8S.resolve("README.md"));
    for (Thing ingress : rendered.all("Ingress")) {
      Set<String> served = new TreeSet<>();
      ingress.json().at("/spec/rules").forEach(each -> served.add(each.path("host").asText()));
      Set<String> certified = new TreeSet<>();
      for (JsonNode tls : ingress.json().at("/spec/tls")) {
        tls.path("hosts").forEach(each -> certified.add(each.asText()));
        String secret = tls.path("secretName").asText();
        assertTrue(page.contains("`" + secret + "`") && !secret.isEmpty(), ingress::toString);
      }
      assertFalse(served.contains(""), ingress + " takes any name");
      assertEquals(served, certified, ingress::toString);
    }
    for (Thing route : rendered.all("HTTPRoute")) {
      List<JsonNode> parents = route.json().at("/spec/parentRefs").valueStream().toList();
      assertEquals(1, parents.size(), route::toString);
      for (String field : List.of("name", "namespace", "sectionName")) {
        String value = parents.getFirst().path(field).asText();
        assertTrue(page.contains("`" + value + "`") && !value.isEmpty(), route + " " + field);
      }
      assertEquals("https", parents.getFirst().path("sectionName").asText(), route::toString);
      assertFalse(route.json().at("/spec/hostnames").isEmpty(), route + " takes any name");
    }
  }
}
