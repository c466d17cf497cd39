package dev.switchboard.console.requests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.UI;
import com.vaadin.flow.component.checkbox.Checkbox;
import com.vaadin.flow.component.grid.Grid;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.ui.ConsoleViewTest;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class RequestsViewTest extends ConsoleViewTest {
  private static final Instant NOW = Instant.parse("2026-01-01T10:00:30Z");

  @BeforeEach
  void signInAsViewer() {
    as(Role.VIEWER);
  }

  @Test
  void listsRequests() {
    UI.getCurrent().navigate("requests");
    await(
        () ->
            gateway().shared(new Filters("gw", Map.of()).path(200, "", Instant.now())).answer()
                != null);
    UI.getCurrent().navigate("audit");

    UI.getCurrent().navigate("requests");

    assertEquals(5, find(Grid.class).single().getListDataView().getItemCount());
  }

  @Test
  void filtersOfTheAddressAreAskedOfTheGateway() {
    go("requests", "class=interactive&slo=missed&waited_for=0.1&evil=1");

    await(() -> fake.calls().stream().anyMatch(c -> c.path().contains("waited_for=0.1")));
    String path =
        fake.calls().stream()
            .map(call -> call.path())
            .filter(each -> each.contains("waited_for"))
            .findFirst()
            .orElseThrow();
    assertEquals("/admin/v1/requests?limit=200&class=interactive&slo=missed&waited_for=0.1", path);
    assertTrue(
        find(Checkbox.class).all().stream()
            .anyMatch(box -> "Missed an objective".equals(box.getLabel()) && box.getValue()));
  }

  @Test
  void aTimeBeforeNowIsAskedToTheMinute() {
    Filters filters = new Filters("gw", Map.of(Filters.LAST, "5m"));

    assertEquals(
        "/admin/v1/requests?limit=10&since=2026-01-01T09%3A55%3A00Z", filters.path(10, "", NOW));
    assertEquals(Map.of("last", "5m"), filters.address("gw"));
  }

  @Test
  void aReceiptSumsUpToTheWallTime() {
    Receipt receipt = new Receipt(timeline());

    double sum = receipt.phases().stream().mapToDouble(Receipt.Bar::ms).sum();

    assertEquals(receipt.wallMs(), sum, 0.01);
  }

  @Test
  void theVerdictSaysWhatWasLateAndWhy() {
    String verdict =
        new Receipt(
                json(
                    "{'outcome':'ok','replica':'w1','wall_ms':200,'ttft_ms':80,'migrations':1,"
                        + "'slo':{'ttft_ms':40},'phases':[{'phase':'queue','ms':50,'share':0.25},"
                        + "{'phase':'decode_off_cpu','ms':150,'share':0.75}]}"))
            .verdict();

    assertEquals(
        "Answered in 200 ms by w1. The first token took 80 ms, wanted were 40 ms."
            + " It moved to another worker once. Most of the time, 75 %, went to decode off-CPU.",
        verdict);
  }

  @Test
  void whatFailedSaysHow() {
    String verdict =
        new Receipt(
                json(
                    "{'outcome':'upstream_broken','status':502,'wall_ms':12,'error':'gone','slo':{}}"))
            .verdict();

    assertEquals("Ended as upstream broken with status 502 after 12 ms: gone.", verdict);
  }

  @Test
  void oneRequestIsShownWithItsCandidates() {
    UI.getCurrent().navigate("requests/gw/abc");

    assertTrue(text().contains("Where the time went"));
    assertTrue(text().contains("stage 1, rank 1"));
    assertTrue(text().contains("chosen"));
  }

  private static JsonNode json(String text) {
    return JsonMapper.shared().readTree(text.replace('\'', '"'));
  }

  private static JsonNode timeline() {
    return JsonMapper.shared()
        .readTree(RequestsViewTest.class.getResourceAsStream("/fake/timeline.json"));
  }

  @Test
  void emptyFiltersAreNone() {
    assertEquals(
        Map.of("model", "m"),
        Filters.of("gw", Map.of("model", List.of(" m "), "class", List.of(""))).wanted());
  }
}
