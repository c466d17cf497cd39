package dev.switchboard.console.replica;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.vaadin.flow.component.UI;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Pre;
import com.vaadin.flow.component.select.Select;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.ui.ConsoleViewTest;
import dev.switchboard.console.ui.StatTile;
import dev.switchboard.testing.Await;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** What stands in the view of a replica, of a state, steps and a log that are known. */
class ReplicaNumbersTest extends ConsoleViewTest {
  @BeforeEach
  void openAReplicaThatWorks() {
    JsonNode replicas =
        JsonMapper.shared()
            .readTree(ReplicaNumbersTest.class.getResourceAsStream("/fake/replicas.json"));
    ObjectNode w0 = (ObjectNode) replicas.path("replicas").path(0);
    w0.put("in_flight", 5);
    ((ObjectNode) w0.path("report"))
        .put("running", 3)
        .put("waiting", 2)
        .put("kv_blocks_used", 1024)
        .put("kv_blocks_free", 2049)
        .put("kv_blocks_cached", 1023)
        .put("kv_evictions", 7);
    fake.say("GET /admin/v1/replicas", 200, replicas.toString());
    ReplicaPresenter presenter = new ReplicaPresenter(gateway(), "w0", Clock.systemUTC());
    Await.until(() -> presenter.reported("running") == 3);
    Await.until(() -> presenter.ranks().stages() == 2 && !presenter.log().isEmpty());
    Await.until(() -> !presenter.ranks().stepTable().isEmpty());
    as(Role.VIEWER);
    go("replicas/gw/w0");
  }

  static Stream<Arguments> metrics() {
    return Stream.of(
        Arguments.of(Metric.SKEW, List.of("1.03×", "1.00×", "1.00×", "1.04×")),
        Arguments.of(Metric.COMPUTE, List.of("0.28 ms", "0.25 ms", "0.48 ms", "0.57 ms")),
        Arguments.of(Metric.WAITING, List.of("0.34 ms", "2.13 ms", "4.37 ms", "3.70 ms")),
        Arguments.of(Metric.OFF_CPU, List.of("1.80 ms", "0.43 ms", "0.78 ms", "1.65 ms")),
        Arguments.of(Metric.LATE, List.of("1.86 ms", "0.24 ms", "0.54 ms", "1.24 ms")),
        Arguments.of(Metric.BANDWIDTH, List.of("2.91 GB/s", "3.29 GB/s", "2.27 GB/s", "1.90 GB/s")),
        Arguments.of(Metric.HEARTBEAT, List.of("878 ms", "877 ms", "874 ms", "874 ms")));
  }

  @ParameterizedTest
  @MethodSource("metrics")
  void theHeatMapTellsEachRanksNumber(Metric metric, List<String> texts) {
    List<String> first = cells();
    select(metric);

    assertEquals(texts, metric == Metric.SKEW ? first : cells());
  }

  private void select(Metric metric) {
    @SuppressWarnings("unchecked")
    Select<Metric> choice =
        find(Select.class).withCondition(s -> s.getValue() instanceof Metric).single();
    choice.setValue(metric);
  }

  /** The texts of the map that the browser was told last. */
  private static List<String> cells() {
    UI ui = UI.getCurrent();
    ui.getInternals().getStateTree().runExecutionsBeforeClientResponse();
    List<String> texts = new ArrayList<>();
    for (var call : ui.getInternals().dumpPendingJavaScriptInvocations()) {
      for (Object parameter : call.getInvocation().getParameters()) {
        if (parameter instanceof ObjectNode message && message.has("cells")) {
          texts.clear();
          message.path("cells").forEach(cell -> texts.add(cell.path("text").asString("")));
        }
      }
    }
    return texts;
  }

  private String tile(String name) {
    return find(StatTile.class).all().stream()
        .map(tile -> tile.getElement().getTextRecursively())
        .filter(text -> text.startsWith(name))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void theTilesTellLoadBatchQueueAndCaches() {
    assertEquals("In flight5of this gateway", tile("In flight"));
    assertEquals("In the batch3sequenceswaiting: 2", tile("In the batch"));
    assertEquals("KV blocks used25.0%cached: 1,023, evicted: 7", tile("KV blocks used"));
    assertEquals("Prefix hits65.5%of 57.0k prompt tokens", tile("Prefix hits"));
  }

  private Map<String, String> facts() {
    Map<String, String> facts = new LinkedHashMap<>();
    for (Div fact : find(Div.class).withClassName("sb-fact").all()) {
      List<String> texts =
          fact.getChildren().map(part -> part.getElement().getTextRecursively()).toList();
      facts.put(texts.getFirst(), texts.getLast());
    }
    return facts;
  }

  @Test
  void theDeviceIsTold() {
    Map<String, String> facts = facts();

    assertEquals("cpu", facts.get("Computes on"));
    assertEquals("cpu avx512", facts.get("Device"));
    assertEquals("1", facts.get("Threads per rank"));
    assertEquals("10.4 GB/s", facts.get("Read and moved, all ranks, latest steps"));
    assertEquals("3.53 MiB", facts.get("Weights"));
    assertEquals("256 MiB", facts.get("KV cache"));
    assertEquals("25.0 MiB", facts.get("Scratch"));
    assertEquals("278 MiB", facts.get("Heap of the JVM"));
  }

  @Test
  void theReplicaIsDescribed() {
    Map<String, String> facts = facts();

    assertEquals("llama", facts.get("Architecture"));
    assertEquals("3.48M", facts.get("Parameters"));
    assertEquals("2,048 tokens", facts.get("Context"));
    assertEquals("worker, local", facts.get("Kind"));
    assertEquals("pid 30070", facts.get("Process"));
  }

  @Test
  void theLogStandsLineByLine() {
    assertEquals(
        """
        2026-11-29T07:31:58.619Z INFO  w0 Lifecycle phase from=loading to=warming
        2026-11-29T07:31:59.245Z INFO  w0 Lifecycle phase from=warming to=ready
        """,
        Objects.requireNonNull(find(Pre.class).single()).getText());
  }
}
