package dev.switchboard.gateway.dashboards;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.flight.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The configurations under {@code otel/}: whole, in a sound order, and about spans that exist. */
class CollectorConfigTest {
  private static final Path HOME = Path.of(System.getProperty("switchboard.home", ".."));
  private static final Path OTEL = HOME.resolve("otel");
  private static final Path TELEMETRY =
      HOME.resolve("gateway/src/main/java/dev/switchboard/gateway/telemetry");
  private static final Set<String> SECTIONS =
      Set.of("receivers", "processors", "connectors", "exporters", "extensions", "service");

  @ParameterizedTest
  @ValueSource(strings = {"collector.yaml", "two-tier/front.yaml", "two-tier/sampler.yaml"})
  void everythingThatIsUsedIsDeclaredAndTheOtherWayRound(String file) {
    JsonNode config = config(file);
    config.fieldNames().forEachRemaining(name -> assertTrue(SECTIONS.contains(name), name));
    Set<String> connectors = names(config.path("connectors"));

    for (String kind : List.of("receivers", "processors", "exporters")) {
      Set<String> declared = names(config.path(kind));
      if (!kind.equals("processors")) {
        declared.addAll(connectors);
      }
      assertEquals(declared, used(config, kind), kind);
    }
    assertEquals(
        names(config.path("extensions")), texts(config.path("service").path("extensions")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"collector.yaml", "two-tier/front.yaml", "two-tier/sampler.yaml"})
  void memoryIsLimitedFirstAndBatchesAreMadeLast(String file) {
    for (Map.Entry<String, JsonNode> pipeline : pipelines(config(file))) {
      List<String> processors = list(pipeline.getValue().path("processors"));
      assertEquals("memory_limiter", processors.getFirst(), pipeline::getKey);
      assertEquals("batch", processors.getLast(), pipeline::getKey);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"collector.yaml", "two-tier/sampler.yaml"})
  void spansAreCountedBeforeAnyIsThrownAway(String file) {
    int counted = 0;
    for (Map.Entry<String, JsonNode> pipeline : pipelines(config(file))) {
      if (list(pipeline.getValue().path("exporters")).contains("spanmetrics")) {
        counted++;
        assertTrue(!list(pipeline.getValue().path("processors")).contains("tail_sampling"));
      }
    }
    assertEquals(1, counted);
  }

  @ParameterizedTest
  @ValueSource(strings = {"collector.yaml", "two-tier/sampler.yaml"})
  void decisionsOutliveTheTracesTheyAreAbout(String file) {
    JsonNode sampling = config(file).path("processors").path("tail_sampling");

    int traces = sampling.path("num_traces").asInt();
    assertTrue(sampling.path("decision_cache").path("sampled_cache_size").asInt() > traces);
    int seconds = Integer.parseInt(sampling.path("decision_wait").asText().replace("s", ""));
    assertTrue(traces >= seconds * sampling.path("expected_new_traces_per_sec").asInt());
  }

  @ParameterizedTest
  @ValueSource(strings = {"collector.yaml", "two-tier/sampler.yaml"})
  void everyAttributeThatIsLookedAtIsOneThatTheGatewaySets(String file) throws IOException {
    String source =
        Files.readString(TELEMETRY.resolve("RequestTrace.java"))
            + Files.readString(TELEMETRY.resolve("RequestSpans.java"));
    Set<String> keys = new TreeSet<>(config(file).findValuesAsText("key"));

    assertTrue(keys.contains("switchboard.exemplar"));
    for (String key : keys) {
      assertTrue(source.contains("setAttribute(\"" + key + "\""), key);
    }
    for (JsonNode dimension :
        config(file).path("connectors").path("spanmetrics").path("dimensions")) {
      String name = dimension.path("name").asText();
      assertTrue(source.contains("setAttribute(\"" + name + "\""), name);
    }
  }

  /** An inverted match would throw away what another policy keeps. */
  @ParameterizedTest
  @ValueSource(strings = {"collector.yaml", "two-tier/sampler.yaml"})
  void outcomesAreKeptByNameAndNothingIsInverted(String file) {
    Set<String> outcomes = new TreeSet<>();
    for (Outcome outcome : Outcome.values()) {
      outcomes.add(outcome.label());
    }
    JsonNode sampling = config(file).path("processors").path("tail_sampling");

    List<JsonNode> matches = sampling.findValues("string_attribute");
    assertTrue(!matches.isEmpty());
    for (JsonNode match : matches) {
      assertTrue(outcomes.containsAll(list(match.path("values"))), match::toString);
    }
    assertTrue(sampling.findValues("invert_match").isEmpty());
  }

  @Test
  void bothSamplersDecideAlike() {
    assertEquals(
        config("collector.yaml").path("processors").path("tail_sampling"),
        config("two-tier/sampler.yaml").path("processors").path("tail_sampling"));
  }

  @Test
  void aTraceGoesToOneSampler() {
    JsonNode balancing = config("two-tier/front.yaml").path("exporters").path("loadbalancing");

    assertEquals("traceID", balancing.path("routing_key").asText());
    assertEquals("[4317]", balancing.path("resolver").path("k8s").path("ports").toString());
  }

  @Test
  void everyQueueToABackendHoldsSixteenThousandSpans() throws IOException {
    for (String file : List.of("collector.yaml", "two-tier/front.yaml", "two-tier/sampler.yaml")) {
      List<JsonNode> queues = config(file).path("exporters").findValues("sending_queue");
      assertTrue(!queues.isEmpty(), file);
      for (JsonNode queue : queues) {
        assertTrue(queue.path("queue_size").asInt() >= 16384, file);
      }
    }
    Properties agent = new Properties();
    try (var reader = Files.newBufferedReader(OTEL.resolve("agent.properties"))) {
      agent.load(reader);
    }
    assertTrue(Integer.parseInt(agent.getProperty("otel.bsp.max.queue.size")) >= 16384);
    assertEquals("none", agent.getProperty("otel.metrics.exporter"));
    assertEquals("none", agent.getProperty("otel.logs.exporter"));
    for (String name : List.of("netty", "vertx-web", "vertx-http-client", "opentelemetry-api")) {
      assertEquals("true", agent.getProperty("otel.instrumentation." + name + ".enabled"), name);
    }
    assertEquals("false", agent.getProperty("otel.instrumentation.common.default-enabled"));
  }

  private static JsonNode config(String file) {
    return Dashboards.yaml(OTEL.resolve(file));
  }

  private static List<Map.Entry<String, JsonNode>> pipelines(JsonNode config) {
    List<Map.Entry<String, JsonNode>> pipelines = new ArrayList<>();
    config.path("service").path("pipelines").properties().forEach(pipelines::add);
    assertTrue(!pipelines.isEmpty());
    return pipelines;
  }

  private static Set<String> used(JsonNode config, String kind) {
    Set<String> used = new TreeSet<>();
    pipelines(config).forEach(pipeline -> used.addAll(list(pipeline.getValue().path(kind))));
    return used;
  }

  private static Set<String> names(JsonNode section) {
    Set<String> names = new TreeSet<>();
    section.fieldNames().forEachRemaining(names::add);
    return names;
  }

  private static List<String> list(JsonNode array) {
    return array.valueStream().map(JsonNode::asText).toList();
  }

  private static Set<String> texts(JsonNode array) {
    return new HashSet<>(list(array));
  }
}
