package dev.switchboard.console.audit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.html.Anchor;
import com.vaadin.flow.component.notification.Notification;
import com.vaadin.flow.component.textfield.TextField;
import dev.switchboard.console.api.FakeGateway;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.ui.ConsoleViewTest;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class AuditViewTest extends ConsoleViewTest {
  private static final String CSV = "GET /admin/v1/audit?%s&limit=1000&format=csv";

  @BeforeEach
  void signIn() {
    as(Role.VIEWER);
  }

  private List<String> asked() {
    return fake.calls().stream()
        .map(FakeGateway.Call::path)
        .filter(path -> path.startsWith("/admin/v1/audit"))
        .toList();
  }

  private TextField field(String label) {
    return find(TextField.class).withLabel(label).single();
  }

  @Test
  void theAddressHasThePersonAndTheReason() {
    go("audit", "on_behalf_of=alice%20b&reason=kernel%20%26%20more");

    assertEquals(
        List.of("/admin/v1/audit?on_behalf_of=alice%20b&reason=kernel%20%26%20more&limit=200"),
        asked());
    assertEquals("alice b", field("Person").getValue());
    assertEquals("kernel & more", field("Reason").getValue());
  }

  @Test
  void whatIsTypedGoesToTheAddress() {
    go("audit");
    test(field("Person")).setValue("alice");
    test(field("Reason")).setValue("kernel");

    assertEquals("/admin/v1/audit?on_behalf_of=alice&reason=kernel&limit=200", asked().getLast());
  }

  @Test
  void aLogThatCannotBeReadHasNotNoEntries() {
    fake.say("GET /admin/v1/audit?reason=lost&limit=200", 503, "{}");

    go("audit", "reason=lost");

    assertTrue(text().contains("The audit log cannot be read"), text());
    assertFalse(text().contains("0 entries"), text());
  }

  @Test
  void olderOnesCanBeAskedForAgainWhereTheyCouldNotBeRead() {
    String entries =
        IntStream.rangeClosed(1, 200)
            .mapToObj(i -> "{\"id\": " + (300 - i) + "}")
            .collect(Collectors.joining(","));
    fake.say("GET /admin/v1/audit?reason=many&limit=200", 200, "{\"audit\": [" + entries + "]}");
    fake.say("GET /admin/v1/audit?reason=many&limit=200&before=100", 503, "{}");
    go("audit", "reason=many");
    Button more = find(Button.class).withText("Load older ones").single();

    test(more).click();
    assertTrue(text().contains("The audit log cannot be read"), text());
    fake.say("GET /admin/v1/audit?reason=many&limit=200&before=100", 200, "{\"audit\": []}");
    test(more).click();

    assertFalse(text().contains("The audit log cannot be read"), text());
    assertTrue(text().contains("200 entries"), text());
  }

  private static String entries(int newest, int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> "{\"id\": " + (newest - i) + "}")
        .collect(Collectors.joining(",", "{\"audit\": [", "]}"));
  }

  @Test
  void aPageDoesNotKeepALogWithoutEndAndSaysSo() {
    String all = "GET /admin/v1/audit?reason=endless&limit=200";
    fake.say(all, 200, entries(9_000, 200));
    for (int shown = 200; shown <= 4_000; shown += 200) {
      fake.say(all + "&before=" + (9_001 - shown), 200, entries(9_000 - shown, 200));
    }
    go("audit", "reason=endless");

    for (int shown = 200; shown < 2_000; shown += 200) {
      test(find(Button.class).withText("Load older ones").single()).click();
    }

    assertTrue(text().contains("2000 entries"), text());
    assertFalse(find(Button.class).withText("Load older ones").exists());
    assertTrue(text().contains("Older ones are not shown"), text());
  }

  private String download() throws Exception {
    Anchor anchor =
        find(Anchor.class)
            .withCondition(a -> a.getElement().getTextRecursively().contains("Download CSV"))
            .single();
    ByteArrayOutputStream csv = new ByteArrayOutputStream();
    test(anchor).download(csv);
    return csv.toString(StandardCharsets.UTF_8);
  }

  @Test
  void theCsvIsTheGatewaysWithTheSameFilters() throws Exception {
    fake.say(CSV.formatted("on_behalf_of=alice&reason=kernel"), 200, "id,at\r\n7,ä\r\n");
    go("audit", "on_behalf_of=alice&reason=kernel");

    assertEquals("id,at\r\n7,ä\r\n", download());

    FakeGateway.Call call = fake.calls().getLast();
    assertEquals("text/csv", call.headers().get("accept"));
    assertTrue(call.path().endsWith("&format=csv"), call.path());
  }

  /** A page of the CSV; a reason is of two lines, as RFC 4180 has it. */
  private static String csv(int newest, int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> (newest - i) + ",\"two\r\n\"\"lines\"\"\"\r\n")
        .collect(Collectors.joining("", "id,reason\r\n", ""));
  }

  @Test
  void theCsvHasAllPagesOfTheLog() throws Exception {
    fake.say(CSV.formatted("reason=long"), 200, csv(2_500, 1_000));
    fake.say(CSV.formatted("reason=long") + "&before=1501", 200, csv(1_500, 1_000));
    fake.say(CSV.formatted("reason=long") + "&before=501", 200, csv(500, 500));
    go("audit", "reason=long");

    assertEquals(csv(2_500, 2_500), download());
  }

  @Test
  void aCsvThatEndsEarlySaysSo() throws Exception {
    fake.say(CSV.formatted("reason=lost"), 200, csv(1_500, 1_000));
    fake.say(
        CSV.formatted("reason=lost") + "&before=501",
        503,
        "{\"error\":{\"message\":\"The \\\"store\\\" is down\"}}");
    go("audit", "reason=lost");

    String said = download();

    assertTrue(said.startsWith(csv(1_500, 1_000)), "what could be read is there");
    String end = said.substring(csv(1_500, 1_000).length());
    assertTrue(end.startsWith("\"Not all: what is older than 501 cannot be read: "), end);
    assertTrue(end.contains("The 'store' is down"), end);
  }

  @Test
  void aCsvThatTheGatewayRefusesIsNoFileAndThePageSaysWhy() throws Exception {
    fake.say(
        CSV.formatted("reason=denied"),
        503,
        "{\"error\":{\"code\":\"store_unavailable\",\"message\":\"The store is down\"}}");
    go("audit", "reason=denied");

    String said = download();
    roundTrip();

    assertEquals("", said);
    Notification told = find(Notification.class).single();
    assertTrue(test(told).getText().contains("The store is down"), test(told).getText());
  }
}
