package dev.switchboard.gateway.admin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.bench.ScriptedFleet;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.telemetry.Metrics;
import io.vertx.core.buffer.Buffer;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Pages of 500 replicas with 64 ranks each. */
class ReplicaPageTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int REPLICAS = 500;
  private static final int MOST_BYTES = 200_000;
  private static final long NOW = 1_700_000_000_000_000_000L;

  private final ReplicaPage page =
      new ReplicaPage(new ReplicaJson(new Metrics("m"::equals, "1", false).blame(), () -> NOW));

  private static Fleet fleet(int stragglers) {
    return new ScriptedFleet(REPLICAS, 64, stragglers, () -> NOW).fleet();
  }

  private static ReplicaPage.Wanted all(int limit, boolean summary) {
    return new ReplicaPage.Wanted(limit, null, null, null, summary);
  }

  @Test
  void theWholeFleetInSummaryIsOnePageOfAtMostTwoHundredThousandBytes() throws Exception {
    Buffer told = page.of(fleet(2).replicas(), all(1000, true));

    JsonNode json = JSON.readTree(told.getBytes());
    assertTrue(told.length() <= MOST_BYTES, () -> told.length() + " bytes");
    assertEquals(REPLICAS, json.path("replicas").size());
    assertEquals(REPLICAS, json.path("total").asInt());
    assertTrue(json.path("next").isMissingNode());
    assertEquals(17, json.at("/replicas/0/running").asInt());
    assertEquals(2, json.at("/replicas/0/stragglers").asInt());
    assertEquals(0.625, json.at("/replicas/0/kv_used_ratio").asDouble());
  }

  /** However much each of them has to say, and however many are asked for. */
  @ParameterizedTest
  @ValueSource(ints = {0, 2, 64})
  void pagesOfAllAreBoundedAndHaveEachReplicaOnce(int stragglers) throws Exception {
    Fleet fleet = fleet(stragglers);
    List<String> seen = new ArrayList<>();
    String after = null;

    do {
      Buffer told =
          page.of(fleet.replicas(), new ReplicaPage.Wanted(1000, after, null, null, false));
      JsonNode json = JSON.readTree(told.getBytes());
      assertTrue(told.length() <= MOST_BYTES, () -> told.length() + " bytes");
      json.path("replicas").forEach(each -> seen.add(each.path("id").asText()));
      after = json.path("next").asText(null);
    } while (after != null);

    assertEquals(REPLICAS, seen.size());
    assertEquals(List.copyOf(new TreeSet<>(seen)), seen);
  }

  @Test
  void aPageHasNoMoreThanItsLimitAndSaysWhereTheNextBegins() throws Exception {
    JsonNode first = JSON.readTree(page.of(fleet(0).replicas(), all(10, false)).getBytes());

    assertEquals(10, first.path("replicas").size());
    assertEquals(first.at("/replicas/9/id").asText(), first.path("next").asText());
  }

  @Test
  void filtersLeaveWhatMatches() throws Exception {
    Fleet fleet = fleet(0);
    fleet.commands().cordon(fleet.replicas().getFirst());

    JsonNode cordoned = filtered(fleet, "m", ReplicaState.CORDONED);
    JsonNode others = filtered(fleet, "other", null);

    assertEquals(1, cordoned.path("total").asInt());
    assertEquals(fleet.replicas().getFirst().id(), cordoned.at("/replicas/0/id").asText());
    assertEquals(0, others.path("total").asInt());
    assertEquals(0, others.path("replicas").size());
  }

  private JsonNode filtered(Fleet fleet, String model, @Nullable ReplicaState state)
      throws Exception {
    ReplicaPage.Wanted wanted = new ReplicaPage.Wanted(100, null, model, state, true);
    return JSON.readTree(page.of(fleet.replicas(), wanted).getBytes());
  }
}
