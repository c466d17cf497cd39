package dev.switchboard.gateway.dashboards;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.telemetry.RequestTrace;
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
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The configurations under {@code otel/}: whole, in a sound order, and about spans that exist. */
class CollectorConfigTest {
  private static final Path HOME = Path.of(System.getProperty("switchboard.home", ".."));
  private static final Path OTEL = HOME.resolve("otel");
  private static final Path TELEMETRY =
      HOME.resolve("gateway/src/main/java/dev/switchboard/gateway/telemetry");
  private static final String QUEUE =
      "|sending_queue\\.(enabled|num_consumers|queue_size)"
          + "|retry_on_failure\\.(enabled|initial_interval|max_interval|max_elapsed_time)";
  private static final String POLICY =
      "(name|type|boolean_attribute\\.(key|value)|status_code\\.status_codes\\[]"
          + "|string_attribute\\.(key|values\\[])|latency\\.threshold_ms"
          + "|numeric_attribute\\.(key|min_value|max_value)"
          + "|probabilistic\\.sampling_percentage)";

  /** Of those that we use, after the schemas that the components publish. */
  private static final Map<String, String> SETTINGS =
      Map.ofEntries(
          Map.entry("receivers/otlp", "protocols\\.(http|grpc)\\.endpoint"),
          Map.entry(
              "receivers/prometheus",
              "config\\.scrape_configs\\[]"
                  + "\\.(job_name|scrape_interval|scrape_protocols\\[]|static_configs\\[]\\.targets\\[])"),
          Map.entry(
              "receivers/filelog",
              "include\\[]|start_at|resource\\.service\\.name|operators\\[]\\.(type|expr|from|to|severity\\.parse_from"
                  + "|trace\\.trace_id\\.parse_from"
                  + "|timestamp\\.(parse_from|layout_type|layout))"),
          Map.entry(
              "processors/memory_limiter",
              "check_interval|limit_percentage|spike_limit_percentage"),
          Map.entry(
              "processors/k8sattributes",
              "auth_type|filter\\.namespace|extract\\.metadata\\[]|pod_association\\[]\\.sources\\[]\\.from"),
          Map.entry("processors/filter", "error_mode|traces\\.span\\[]"),
          Map.entry(
              "processors/tail_sampling",
              "decision_wait|num_traces|expected_new_traces_per_sec"
                  + "|decision_cache\\.sampled_cache_size"
                  + "|policies\\[]\\.(and\\.and_sub_policy\\[]\\.)?"
                  + POLICY),
          Map.entry("processors/batch", "send_batch_size|send_batch_max_size|timeout"),
          Map.entry(
              "connectors/spanmetrics",
              "histogram\\.(unit|explicit\\.buckets\\[])|dimensions\\[]\\.name"
                  + "|aggregation_cardinality_limit"),
          Map.entry("connectors/forward", "nothing"),
          Map.entry("exporters/otlphttp", "endpoint" + QUEUE),
          Map.entry("exporters/otlp", "endpoint|tls\\.insecure" + QUEUE),
          Map.entry("exporters/prometheus", "endpoint|enable_open_metrics"),
          Map.entry(
              "exporters/loadbalancing",
              "routing_key|resolver\\.k8s\\.(service|ports\\[])"
                  + "|protocol\\.otlp\\.(tls\\.insecure"
                  + QUEUE
                  + ")"),
          Map.entry("extensions/health_check", "endpoint"));

  /** Without these a component does not start; of the others none is needed. */
  private static final Map<String, Set<String>> REQUIRED =
      Map.of(
          "receivers/otlp", Set.of("protocols"),
          "receivers/prometheus", Set.of("config"),
          "receivers/filelog", Set.of("include"),
          "processors/memory_limiter", Set.of("check_interval", "limit_percentage"),
          "processors/filter", Set.of("traces"),
          "processors/tail_sampling", Set.of("policies"),
          "exporters/otlphttp", Set.of("endpoint"),
          "exporters/otlp", Set.of("endpoint"),
          "exporters/prometheus", Set.of("endpoint"),
          "exporters/loadbalancing", Set.of("protocol", "resolver"));

  /** What a component takes, or a connector takes as an exporter; any signal if it is not here. */
  private static final Map<String, String> TAKES =
      Map.of(
          "receivers/prometheus", "metrics",
          "receivers/filelog", "logs",
          "processors/filter", "traces",
          "processors/tail_sampling", "traces",
          "exporters/spanmetrics", "traces",
          "exporters/forward", "traces",
          "receivers/forward", "traces",
          "receivers/spanmetrics", "metrics",
          "exporters/prometheus", "metrics");

  private static final Pattern DURATIONS =
      Pattern.compile(
          ".*(check_interval|scrape_interval|decision_wait|timeout|initial_interval|max_interval|max_elapsed_time"
              + "|buckets\\[])");
  private static final Pattern INTEGERS =
      Pattern.compile(
          ".*(_percentage|num_traces|_per_sec|_cache_size|threshold_ms|_value|batch_size"
              + "|_max_size|num_consumers|queue_size|_limit|ports?(\\[])?)");
  private static final Pattern FLAGS =
      Pattern.compile(".*(\\.value|enabled|insecure|enable_open_metrics)");

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
    // By an order of magnitude, as the processor's own reference asks.
    assertTrue(sampling.path("decision_cache").path("sampled_cache_size").asInt() >= 10 * traces);
    int seconds = Integer.parseInt(sampling.path("decision_wait").asText().replace("s", ""));
    assertTrue(traces >= seconds * sampling.path("expected_new_traces_per_sec").asInt());
  }

  /** How many spans a trace has says nothing of one request where it has several. */
  @ParameterizedTest
  @ValueSource(strings = {"collector.yaml", "two-tier/sampler.yaml"})
  void whatRunsWhenTheDecisionIsDueIsKeptWhateverElseIsInItsTrace(String file) {
    JsonNode sampling = config(file).path("processors").path("tail_sampling");
    Set<String> alone = new TreeSet<>();
    for (JsonNode policy : sampling.path("policies")) {
      if (policy.at("/boolean_attribute/value").asBoolean()) {
        alone.add(policy.at("/boolean_attribute/key").asText());
      }
    }

    assertTrue(alone.contains("switchboard.running"), alone::toString);
    assertTrue(sampling.findValues("span_count").isEmpty());
    // The agent's queue, and the batches before the sampler, take some seconds.
    int seconds = Integer.parseInt(sampling.path("decision_wait").asText().replace("s", ""));
    assertTrue(seconds * 1000 >= RequestTrace.RUNNING_MS + 10_000);
  }

  @ParameterizedTest
  @ValueSource(strings = {"collector.yaml", "two-tier/sampler.yaml"})
  void everyAttributeThatIsLookedAtIsOneThatTheGatewaySets(String file) throws IOException {
    String source =
        Files.readString(TELEMETRY.resolve("RequestTrace.java"))
            + Files.readString(TELEMETRY.resolve("RequestSpans.java"))
            + Files.readString(TELEMETRY.resolve("ServerSpan.java"))
            + Files.readString(TELEMETRY.resolve("StepSpans.java"));
    Set<String> keys = new TreeSet<>(config(file).findValuesAsText("key"));

    assertTrue(
        keys.containsAll(Set.of("switchboard.exemplar", "switchboard.kept", "switchboard.step")),
        keys::toString);
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

  /** A collector does not start where it meets a name that it does not know. */
  @ParameterizedTest
  @ValueSource(strings = {"collector.yaml", "two-tier/front.yaml", "two-tier/sampler.yaml"})
  void everySettingIsOneThatItsComponentHas(String file) {
    for (String kind :
        List.of("receivers", "processors", "connectors", "exporters", "extensions")) {
      config(file)
          .path(kind)
          .properties()
          .forEach(
              component -> {
                String type = kind + "/" + component.getKey().replaceFirst("/.*", "");
                assertTrue(SETTINGS.containsKey(type), type);
                Pattern known = Pattern.compile(SETTINGS.getOrDefault(type, "nothing"));
                for (String setting : settings("", component.getValue())) {
                  assertTrue(known.matcher(setting).matches(), () -> type + " " + setting);
                }
              });
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"collector.yaml", "two-tier/front.yaml", "two-tier/sampler.yaml"})
  void everyComponentHasWhatItNeeds(String file) {
    Set<String> seen = new TreeSet<>();
    for (String kind : SECTIONS) {
      config(file)
          .path(kind)
          .properties()
          .forEach(
              component -> {
                String type = kind + "/" + component.getKey().replaceFirst("/.*", "");
                seen.add(type);
                for (String needed : REQUIRED.getOrDefault(type, Set.of())) {
                  JsonNode given = component.getValue().path(needed);
                  boolean says = given.isContainerNode() ? !given.isEmpty() : given.isValueNode();
                  assertTrue(says, type + " " + needed);
                }
              });
    }
    assertTrue(seen.contains("processors/memory_limiter"), seen::toString);
  }

  @ParameterizedTest
  @ValueSource(strings = {"collector.yaml", "two-tier/front.yaml", "two-tier/sampler.yaml"})
  void everyPipelineCarriesWhatItsComponentsTake(String file) {
    for (Map.Entry<String, JsonNode> pipeline : pipelines(config(file))) {
      String signal = pipeline.getKey().replaceFirst("/.*", "");
      assertTrue(Set.of("traces", "metrics", "logs").contains(signal), signal);
      assertEquals(
          Set.of("receivers", "processors", "exporters"), names(pipeline.getValue()), signal);
      for (String kind : List.of("receivers", "processors", "exporters")) {
        assertFalse(pipeline.getValue().path(kind).isEmpty(), kind);
        for (String component : list(pipeline.getValue().path(kind))) {
          String type = kind + "/" + component.replaceFirst("/.*", "");
          assertEquals(signal, TAKES.getOrDefault(type, signal), type);
        }
      }
    }
  }

  /** A connector that only one side names would make its pipeline one without an end. */
  @ParameterizedTest
  @ValueSource(strings = {"collector.yaml", "two-tier/sampler.yaml"})
  void everyConnectorIsTheEndOfOnePipelineAndTheBeginningOfAnother(String file) {
    JsonNode config = config(file);
    Set<String> connectors = names(config.path("connectors"));

    assertFalse(connectors.isEmpty());
    assertTrue(used(config, "exporters").containsAll(connectors));
    assertTrue(used(config, "receivers").containsAll(connectors));
    for (Map.Entry<String, JsonNode> pipeline : pipelines(config)) {
      Set<String> both = texts(pipeline.getValue().path("receivers"));
      both.retainAll(texts(pipeline.getValue().path("exporters")));
      assertEquals(Set.of(), both);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"collector.yaml", "two-tier/front.yaml", "two-tier/sampler.yaml"})
  void everyValueIsOfTheKindThatItsSettingTakes(String file) {
    Set<String> kinds = new TreeSet<>();
    values("", config(file), kinds);

    assertTrue(kinds.containsAll(Set.of("duration", "integer", "flag")), kinds::toString);
  }

  private static void values(String at, JsonNode node, Set<String> kinds) {
    if (node.isObject()) {
      node.properties().forEach(each -> values(at + "." + each.getKey(), each.getValue(), kinds));
    } else if (node.isArray()) {
      node.forEach(each -> values(at + "[]", each, kinds));
    } else if (DURATIONS.matcher(at).matches()) {
      assertTrue(node.asText().matches("\\d+(\\.\\d+)?(us|ms|s|m)"), at);
      kinds.add("duration");
    } else if (FLAGS.matcher(at).matches()) {
      assertTrue(node.isBoolean(), at);
      kinds.add("flag");
    } else if (INTEGERS.matcher(at).matches()) {
      assertTrue(node.isIntegralNumber(), at);
      kinds.add("integer");
    } else {
      assertTrue(node.isTextual(), at);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"collector.yaml", "two-tier/front.yaml", "two-tier/sampler.yaml"})
  void theServiceSaysWhatACollectorsServiceMay(String file) {
    JsonNode service = config(file).path("service");

    assertEquals(Set.of("extensions", "pipelines", "telemetry"), names(service));
    for (String setting : settings("", service.path("telemetry"))) {
      assertTrue(
          setting.matches(
              "metrics\\.(level|readers\\[]\\.pull\\.exporter\\.prometheus\\.(host|port))"),
          setting);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"collector.yaml", "two-tier/front.yaml", "two-tier/sampler.yaml"})
  void limitsAreInTheOrderThatComponentsAskFor(String file) {
    JsonNode processors = config(file).path("processors");
    JsonNode memory = processors.path("memory_limiter");
    assertTrue(
        memory.path("spike_limit_percentage").asInt() < memory.path("limit_percentage").asInt());
    JsonNode batch = processors.path("batch");
    assertTrue(batch.path("send_batch_max_size").asInt() >= batch.path("send_batch_size").asInt());
    for (JsonNode range : processors.findValues("numeric_attribute")) {
      assertTrue(range.path("min_value").asLong() <= range.path("max_value").asLong());
    }
  }

  /** Where each value stands; an element of a list is named by brackets. */
  private static List<String> settings(String at, JsonNode node) {
    List<String> found = new ArrayList<>();
    if (node.isObject()) {
      String dot = at.isEmpty() ? "" : at + ".";
      node.properties()
          .forEach(each -> found.addAll(settings(dot + each.getKey(), each.getValue())));
    } else if (node.isArray()) {
      node.forEach(each -> found.addAll(settings(at + "[]", each)));
    } else {
      found.add(at);
    }
    return found;
  }

  @ParameterizedTest
  @ValueSource(strings = {"collector.yaml", "two-tier/sampler.yaml"})
  void everyPolicyHasTheSettingsOfItsTypeAndNoOthers(String file) {
    JsonNode sampling = config(file).path("processors").path("tail_sampling");
    List<JsonNode> policies = new ArrayList<>();
    sampling.path("policies").forEach(policies::add);
    sampling.findValues("and_sub_policy").forEach(subs -> subs.forEach(policies::add));

    for (JsonNode policy : policies) {
      assertEquals(
          Set.of("name", "type", policy.path("type").asText()), names(policy), policy::toString);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"collector.yaml", "two-tier/front.yaml", "two-tier/sampler.yaml"})
  void everyEndpointIsAPortOfItsOwnOrABackendThatAVariableNames(String file) {
    Set<String> ports = new TreeSet<>();
    for (String endpoint : config(file).findValuesAsText("endpoint")) {
      boolean listens = endpoint.matches("(0\\.0\\.0\\.0|127\\.0\\.0\\.1):[0-9]{4,5}");
      assertTrue(
          listens
              || endpoint.matches("\\$\\{env:[A-Z]+_ENDPOINT:-(http://)?[a-z]+:[0-9]+(/[a-z]+)?}"),
          endpoint);
      assertTrue(!listens || ports.add(endpoint), endpoint);
    }
  }

  /** A collector takes the ending off what OpenMetrics calls an info, and dashboards go by one. */
  @Test
  void theGatewaysMetricsKeepTheirNames() {
    JsonNode scrape =
        config("collector.yaml").at("/receivers/prometheus~1gateway/config/scrape_configs/0");

    assertEquals(
        List.of("PrometheusProto", "PrometheusText0.0.4"), list(scrape.path("scrape_protocols")));
  }

  @Test
  void linesOfTheLogNameTheServiceThatSpansName() throws IOException {
    Properties agent = new Properties();
    try (var reader = Files.newBufferedReader(OTEL.resolve("agent.properties"))) {
      agent.load(reader);
    }

    assertEquals(
        agent.getProperty("otel.service.name"),
        config("collector.yaml").at("/receivers/filelog/resource/service.name").asText());
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
