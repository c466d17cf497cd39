package dev.switchboard.console.slo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.grid.Grid;
import com.vaadin.flow.component.html.Anchor;
import com.vaadin.flow.component.html.ListItem;
import com.vaadin.flow.component.textfield.IntegerField;
import com.vaadin.flow.component.textfield.TextArea;
import dev.switchboard.console.action.Change;
import dev.switchboard.console.action.Result;
import dev.switchboard.console.api.FakeGateway;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.ui.ConsoleViewTest;
import dev.switchboard.console.ui.PlainTable;
import dev.switchboard.console.ui.Services;
import dev.switchboard.testing.Await;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class SloViewTest extends ConsoleViewTest {
  private static final String PREVIEW =
      """
      {"class": {}, "from": "2026-01-30T08:00:00Z", "to": "2026-01-31T08:10:00Z",
        "requests": 1200, "would_meet": {"least": 0.951, "most": 0.97}, "objectives": {
          "ttft": {"target_ms": 200, "present_target_ms": 300, "requests": 1100,
            "would_meet": {"least": 0.9, "most": 0.92},
            "did_meet": {"met": 1089, "missed": 11, "share": 0.99}},
          "tpot": {"target_ms": 50, "present_target_ms": 50, "requests": 0, "would_meet": null,
            "did_meet": {"met": 0, "missed": 0, "share": null}},
          "deadline": {"target_ms": 0, "present_target_ms": 0, "requests": 1200,
            "would_meet": null, "did_meet": {"met": 0, "missed": 0, "share": null}}}}\
      """;

  @BeforeAll
  static void fill() {
    String unused = "{'met': 0, 'missed': 0, 'allowed_misses': 0, 'budget_left': 1, 'burn': {}}";
    fake.say(
        "GET /admin/v1/slo/budgets",
        200,
        """
        {'at': '2026-01-31T08:00:00Z', 'kept_since': '2026-01-01T08:00:00Z', 'classes': [
          {'class': 'interactive', 'objective': 0.99, 'window_days': 30, 'objectives': {
            'availability': UNUSED, 'tpot': UNUSED, 'deadline': UNUSED,
            'ttft': {'met': 970, 'missed': 5, 'allowed_misses': 10, 'budget_left': 0.5, 'burn': {
              '1h': {'rate': 20.0}, '6h': {'rate': 5.0}, '1d': {'rate': 1.5},
              '3d': {'rate': null}, '30d': {'rate': 0.5}}}}}]}\
        """
            .replace("UNUSED", unused)
            .replace('\'', '"'));
    fake.say(
        "GET /admin/v1/slo",
        200,
        """
        {'kept_since': '2026-01-01T08:00:00Z', 'hours': [
          {'hour': '2026-01-31T07:00:00Z', 'model': 'm', 'class': 'interactive', 'objectives': {
            'ttft': {'met': 8, 'missed': 2, 'causes': {'queue': 2},
              'late_ms': {'queue': 300}}}},
          {'hour': '2026-01-31T07:00:00Z', 'model': 'n', 'class': 'interactive', 'objectives': {
            'ttft': {'met': 1, 'missed': 4, 'causes': {'queue': 1, 'straggler': 2, 'failure': 1},
              'late_ms': {'queue': 60.5, 'straggler': 9000}}}},
          {'hour': '2026-01-31T08:00:00Z', 'model': 'm', 'class': 'interactive', 'objectives': {
            'tpot': {'met': 1, 'missed': 0, 'causes': {}}}}]}\
        """
            .replace('\'', '"'));
  }

  @BeforeEach
  void previews() {
    fake.say("PUT /admin/v1/slo-classes/interactive", 200, PREVIEW);
    fake.say("PUT /admin/v1/slo-classes/new", 200, PREVIEW);
  }

  private static SloPresenter presenter() {
    SloPresenter presenter = new SloPresenter(gateway());
    Await.until(
        () ->
            !presenter.classes().isEmpty()
                && !presenter.budgets().isEmpty()
                && presenter.classes().stream().allMatch(each -> read(presenter, each.name())));
    return presenter;
  }

  /** Whether its hours are there, which asking for them has read. */
  private static boolean read(SloPresenter presenter, String name) {
    return !presenter.hours(name, "ttft").isEmpty() || presenter.hoursRead(name);
  }

  private static ClassRow interactive() {
    return presenter().classes().stream()
        .filter(c -> c.name().equals("interactive"))
        .findFirst()
        .orElseThrow();
  }

  private static ClassRow tighter(String name) {
    return new ClassRow(name, 200, 50, 0, 50, 0.99, 30, "", true);
  }

  private static Change possible(Preview preview) {
    return assertInstanceOf(Preview.Possible.class, preview, preview.toString()).change();
  }

  static Stream<Arguments> changesByRole() {
    fake.say("PUT /admin/v1/slo-classes/interactive", 200, PREVIEW);
    fake.say("PUT /admin/v1/slo-classes/new", 200, PREVIEW);
    SloPresenter presenter = presenter();
    ClassRow before = interactive();
    Change set = possible(presenter.set(before, tighter("interactive"), Role.ADMIN));
    Change make = possible(presenter.set(null, tighter("new"), Role.ADMIN));
    String version = before.version();
    return Stream.of(Role.values())
        .flatMap(
            role ->
                Stream.of(
                    Arguments.of(role, set, "PUT /admin/v1/slo-classes/interactive " + version),
                    Arguments.of(role, make, "PUT /admin/v1/slo-classes/new none"),
                    Arguments.of(
                        role,
                        presenter.forget(before),
                        "DELETE /admin/v1/slo-classes/interactive " + version)));
  }

  @ParameterizedTest
  @MethodSource("changesByRole")
  void classesAreOnlyChangedByAdmins(Role role, Change change, String call) {
    Result result = Services.get().changes().run(gateway(), change, person(role), "a test");

    if (role == Role.ADMIN) {
      assertInstanceOf(Result.Done.class, result);
      FakeGateway.Call made = fake.changes().getFirst();
      assertEquals(call, made.method() + " " + made.path() + " " + made.headers().get("if-match"));
    } else {
      assertInstanceOf(Result.Denied.class, result);
      assertEquals(List.of(), fake.changes());
    }
  }

  @Test
  void aPreviewSaysWhatTheLastDayWouldHaveComeTo() {
    Change change = possible(presenter().set(interactive(), tighter("interactive"), Role.ADMIN));

    assertEquals(
        List.of(
            "First token: 300 ms → 200 ms",
            "Of the last day's 1,200 requests 95.10 % to 97 % would have met all targets",
            "First token within 200 ms: 90 % to 92 % of 1,100; 99 % met what they were held to"),
        change.effects());
    assertEquals(List.of(), fake.changes());
  }

  @Test
  void aClassGoesBackToWhatItWas() throws Exception {
    SloPresenter presenter = presenter();
    ClassRow stored = new ClassRow("interactive", 300, 50, 0, 50, 0.99, 30, "old", true);
    ClassRow configured = new ClassRow("interactive", 300, 50, 0, 50, 0.99, 30, "old", false);
    Change set = possible(presenter.set(stored, tighter("interactive"), Role.ADMIN));
    Change first = possible(presenter.set(configured, tighter("interactive"), Role.ADMIN));
    JsonNode answer = JsonMapper.shared().createObjectNode();

    Change back = Objects.requireNonNull(set.revert()).change(answer);
    Change away = Objects.requireNonNull(first.revert()).change(answer);

    assertEquals("PUT", back.method());
    assertTrue(String.valueOf(back.body()).contains("\"ttft_ms\":300"), "" + back.body());
    assertEquals(interactive().version(), back.version());
    assertEquals("DELETE", away.method());
    assertEquals(interactive().version(), away.version());
  }

  @Test
  void theWorstRequestsAreThoseThatWereTheLatest() {
    fake.say(
        "GET /admin/v1/requests",
        200,
        """
        {'requests': [
          {'id': 'near', 'slo_class': 'interactive', 'model': 'm', 'replica': 'w0',
            'ttft_ms': 310, 'wall_ms': 400, 'slo_missed': ['ttft'], 'waited_for': []},
          {'id': 'failed', 'slo_class': 'interactive', 'model': 'm', 'replica': null,
            'wall_ms': 9, 'slo_missed': ['availability'], 'waited_for': []},
          {'id': '<b>far', 'slo_class': 'interactive', 'model': 'm', 'replica': 'w1',
            'ttft_ms': 320, 'tpot_ms': 60, 'completion_tokens': 101, 'wall_ms': 6320,
            'slo_missed': ['ttft', 'tpot'], 'waited_for': ['0.1']},
          {'id': 'own', 'slo_class': 'interactive', 'model': 'm', 'replica': 'w1',
            'ttft_ms': 30, 'wall_ms': 40, 'slo_missed': ['ttft'], 'waited_for': []}]}\
        """
            .replace('\'', '"'));
    SloPresenter presenter = presenter();
    Instant now = Instant.parse("2026-01-31T08:00:30Z");
    Await.until(() -> presenter.missedRead(now) == 4);

    List<WorstRow> worst = presenter.worst(now, 10);

    assertEquals(
        List.of("<b>far", "near", "failed", "own"), worst.stream().map(WorstRow::id).toList());
    assertEquals("tpot", worst.getFirst().objective());
    assertEquals(1000, worst.getFirst().lateMs(), 1e-6);
    assertEquals("0.1", worst.getFirst().waitedFor());
    assertEquals(0, worst.getLast().lateMs());
    assertEquals(2, presenter.worst(now, 2).size());
  }

  @Test
  void aPreviewThatTheGatewayRefusesIsNoChange() {
    fake.say(
        "PUT /admin/v1/slo-classes/new",
        400,
        "{\"error\": {\"code\": \"x\", \"param\": \"objective\", \"message\": \"Too much.\"}}");

    Preview preview = presenter().set(null, tighter("new"), Role.ADMIN);

    assertTrue(
        assertInstanceOf(Preview.Refused.class, preview).why().contains("Too much."),
        preview.toString());
  }

  @Test
  void onlyObjectivesThatHadRequestsHaveABudget() {
    List<BudgetRow> budgets = presenter().budgets();

    assertEquals(List.of("ttft"), budgets.stream().map(BudgetRow::objective).toList());
    assertEquals(List.of(20.0, 5.0, 1.5, Double.NaN, 0.5), budgets.getFirst().burn());
    assertEquals("used up in 3 d", budgets.getFirst().forecast());
  }

  @Test
  void burnOfASpanThatHasNoOlderRequestsSaysSo() {
    BudgetRow row =
        new BudgetRow(
            "c",
            "ttft",
            0.99,
            30,
            90,
            10,
            1,
            -36,
            List.of(9.0, 9.0, 4.0, 9.0, 9.0),
            List.of(100.0, 100.0, 250.0, 250.0, Double.NaN));

    assertEquals(
        List.of("", "1 h", "", "1 d", ""),
        java.util.stream.IntStream.range(0, 5).mapToObj(row::sameAs).toList());
  }

  @Test
  void theDayHasItsHoursWithoutRequestsToo() {
    SloPresenter.Hour one =
        new SloPresenter.Hour("2026-01-31T07:00:00Z", 9, Map.of("queue", 3L), Map.of());

    List<SloPresenter.Hour> day =
        SloPresenter.wholeDay(List.of(one), Instant.parse("2026-01-31T08:30:00Z"));

    assertEquals(24, day.size());
    assertEquals("2026-01-30T09:00:00Z", day.getFirst().hour());
    assertEquals(one, day.get(22));
    assertEquals(
        new SloPresenter.Hour("2026-01-31T08:00:00Z", 0, Map.of(), Map.of()), day.getLast());
  }

  @Test
  void hoursAddUpOverModels() {
    assertEquals(
        List.of(
            new SloPresenter.Hour(
                "2026-01-31T07:00:00Z",
                9,
                Map.of("queue", 3L, "straggler", 2L, "failure", 1L),
                Map.of("queue", 360.5, "straggler", 9000.0))),
        presenter().hours("interactive", "ttft"));
  }

  @Test
  void theCauseThatTookTheMostTimeIsFirstAndAFailureHasNone() {
    assertEquals(
        List.of(
            new CauseRow("straggler", 2, 9000),
            new CauseRow("queue", 3, 360.5),
            new CauseRow("failure", 1, Double.NaN)),
        SloPresenter.causes(presenter().hours("interactive", "ttft")));
  }

  @Test
  void theViewShowsWhereTheLateTimeWent() {
    as(Role.VIEWER);
    presenter();

    navigate(SloView.class);

    String causes = tableOf("Cause of a miss");
    assertTrue(causes.contains("straggler29 s4.50 s"), causes);
    assertTrue(text().contains("straggler, ms"), text());
  }

  private String tableOf(String header) {
    return find(PlainTable.class).all().stream()
        .map(t -> t.getElement().getTextRecursively())
        .filter(said -> said.startsWith(header))
        .findFirst()
        .orElseThrow();
  }

  private Grid<?> grid(String label) {
    return find(Grid.class).all().stream()
        .filter(g -> label.equals(g.getElement().getAttribute("aria-label")))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void theViewShowsBudgetsAndLinksWhatMissed() {
    as(Role.VIEWER);
    presenter();

    navigate(SloView.class);

    assertFalse(find(Button.class).withText("Add a class").single().isEnabled());
    assertTrue(text().contains("Hour, UTC"), text());
    assertTrue(text().contains("Missed: straggler"), text());
    Anchor worst = (Anchor) test(grid("Error budgets")).getCellComponent(0, 9);
    assertEquals("requests?gateway=gw&class=interactive&slo=missed&last=24h", worst.getHref());
  }

  @Test
  void anAdminPreviewsAClassAndThenPutsIt() {
    as(Role.ADMIN);
    presenter();
    navigate(SloView.class);
    int row = presenter().classes().indexOf(interactive());
    Component actions = test(grid("Service classes")).getCellComponent(row, 9);
    Button edit = (Button) actions.getChildren().findFirst().orElseThrow();
    test(edit).click();
    find(IntegerField.class).withLabel("First token, ms").single().setValue(200);
    test(find(Button.class).withText("Preview").single()).click();
    assertTrue(
        find(ListItem.class).all().stream()
            .anyMatch(item -> item.getText().contains("95.10 % to 97 %")));
    find(TextArea.class).withLabel("Reason").single().setValue("tighter");
    test(find(Button.class).withText("Set class interactive").single()).click();

    FakeGateway.Call made = fake.changes().getFirst();
    assertEquals("PUT /admin/v1/slo-classes/interactive", made.method() + " " + made.path());
    assertTrue(made.body().contains("\"ttft_ms\":200"), made.body());
    assertEquals(interactive().version(), made.headers().get("if-match"));
  }

  @Test
  void onlyAWholeBudgetIsAHundredPercent() {
    assertEquals("100 %", SloView.share(1));
    assertEquals("99.9 %", SloView.share(0.99999));
    assertEquals("98 %", SloView.share(0.9899));
    assertEquals("29 %", SloView.share(0.29));
    assertEquals("−2,297 %", SloView.share(-22.97));
  }

  private static String hourOf(String model) {
    return """
    {"hour": "2026-01-31T07:00:00Z", "model": "%s", "class": "paged", "objectives": {
      "ttft": {"met": 1, "missed": 0, "causes": {}}}}\
    """
        .formatted(model);
  }

  /** A day of 42 models is more than a page of hours. */
  @Test
  void hoursAndClassesOfAllPagesCount() {
    String hours = "GET /admin/v1/slo?class=paged&limit=1000";
    String classes = "GET /admin/v1/slo-classes?limit=1000";
    fake.say(hours, 200, "{\"hours\": [" + hourOf("m") + "], \"next_offset\": 1000}");
    fake.say(hours + "&offset=1000", 200, "{\"hours\": [" + hourOf("n") + "]}");
    fake.say(classes, 200, "{\"slo_classes\": [{\"name\": \"a\"}], \"next\": \"a\"}");
    fake.say(classes + "&after=a", 200, "{\"slo_classes\": [{\"name\": \"z\"}]}");
    SloPresenter presenter = new SloPresenter(gateway());

    Await.until(() -> !presenter.hours("paged", "ttft").isEmpty());
    Await.until(() -> presenter.classes().stream().anyMatch(each -> each.name().equals("z")));

    assertEquals(2, presenter.hours("paged", "ttft").getFirst().met());
    assertEquals(List.of("a", "z"), presenter.classes().stream().map(ClassRow::name).toList());
    List.of(classes, classes + "&after=a").forEach(fake::unsay);
    Await.until(() -> presenter.classes().stream().noneMatch(each -> each.name().equals("z")));
  }
}
