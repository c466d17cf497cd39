package dev.switchboard.console.drills;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.dialog.Dialog;
import com.vaadin.flow.component.select.Select;
import com.vaadin.flow.component.textfield.IntegerField;
import com.vaadin.flow.component.textfield.NumberField;
import dev.switchboard.console.action.Change;
import dev.switchboard.console.action.Result;
import dev.switchboard.console.api.FakeGateway;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.ui.ConsoleViewTest;
import dev.switchboard.console.ui.Services;
import dev.switchboard.testing.Await;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class DrillsViewTest extends ConsoleViewTest {
  private static final Instant STARTED = Instant.parse("2026-01-31T08:00:00Z");
  private static final String ENDED =
      """
      {"id": "d1", "replica": "w1", "model": "m", "kind": "stop", "duration_ms": 3000, "stage": null,
       "rank": null, "factor": null, "delay_ms": null, "phase": "ended", "outcome": "ready",
       "message": null, "started_at": "2026-01-31T07:00:00Z", "ended_at": "2026-01-31T07:00:05Z",
       "left_after_ms": 2020, "back_after_ms": 3130, "named_after_ms": null,
       "noticed": {"requests": 5, "missed": 2, "moved": 1, "broken": 0, "longest_pause_ms": 1200}}\
      """;
  private static final String RUNNING =
      """
      {"id": "d2", "replica": "w0", "model": "m", "kind": "slow-rank", "duration_ms": 30000, "stage": 1,
       "rank": 0, "factor": 5, "delay_ms": null, "phase": "running", "outcome": null, "message": null,
       "started_at": "2026-01-31T08:00:00Z", "ended_at": null, "left_after_ms": null,
       "back_after_ms": null, "named_after_ms": null}\
      """;

  private static void tell(boolean enabled, String... drills) {
    fake.say(
        "GET /admin/v1/drills",
        200,
        "{\"enabled\": %s, \"max_ms\": 300000, \"drills\": [%s]}"
            .formatted(enabled, String.join(",", drills)));
  }

  private static DrillsPresenter presenter(int secondsLater, int running, int ended) {
    Clock then = Clock.fixed(STARTED.plusSeconds(secondsLater), ZoneOffset.UTC);
    DrillsPresenter presenter = new DrillsPresenter(gateway(), then);
    Await.until(
        () ->
            presenter.asked()
                && presenter.running().size() == running
                && presenter.ended().size() == ended);
    return presenter;
  }

  @BeforeEach
  void twoDrills() {
    tell(true, RUNNING, ENDED);
  }

  private static DrillsPresenter.Wanted slow(Kind kind) {
    return new DrillsPresenter.Wanted("w0", kind, Duration.ofSeconds(30), 1, 0, 5, 20);
  }

  static Stream<Arguments> roles() {
    return Stream.of(Role.values())
        .flatMap(role -> Stream.of(Arguments.of(role, true), Arguments.of(role, false)));
  }

  @ParameterizedTest
  @MethodSource("roles")
  void operatorsStartAndEndDrillsAndViewersDoNot(Role role, boolean start) {
    DrillsPresenter presenter = presenter(1, 1, 1);
    Change change =
        start ? presenter.start(slow(Kind.STOP)) : presenter.end(presenter.running().getFirst());

    Result result = Services.get().changes().run(gateway(), change, person(role), "a test");

    if (role == Role.VIEWER) {
      assertInstanceOf(Result.Denied.class, result);
      assertEquals(List.of(), fake.changes());
    } else {
      assertInstanceOf(Result.Done.class, result);
      FakeGateway.Call call = fake.changes().getFirst();
      assertEquals(
          start ? "POST /admin/v1/replicas/w0/drill" : "DELETE /admin/v1/drills/d2",
          call.method() + " " + call.path());
    }
  }

  @Test
  void aRunningDrillCountsDown() {
    DrillsPresenter presenter = presenter(12, 1, 1);
    DrillRow row = presenter.running().getFirst();

    assertEquals("18 s left", presenter.countdown(row));
    assertEquals(0.4, presenter.progress(row), 1e-9);
    assertEquals("stage 1, rank 0, × 5, for 30 s", row.about());
    assertEquals("ending", presenter(40, 1, 1).countdown(row));
  }

  @Test
  void whatUsersNoticedIsToldWhereTheGatewayTellsIt() {
    DrillsPresenter presenter = presenter(1, 1, 1);

    assertEquals(new DrillRow.Noticed(5, 2, 1, 0, 1200), presenter.ended().getFirst().noticed());
    assertEquals(null, presenter.running().getFirst().noticed());
    assertEquals("Back", presenter.ended().getFirst().word());
  }

  @Test
  void eachKindSendsWhatItTakes() {
    DrillsPresenter presenter = presenter(1, 1, 1);

    assertEquals(
        "{\"kind\":\"slow-rank\",\"duration_ms\":30000,\"stage\":1,\"rank\":0,\"factor\":5.0}",
        String.valueOf(presenter.start(slow(Kind.SLOW_RANK)).body()));
    assertEquals(
        "{\"kind\":\"delay-rank\",\"duration_ms\":30000,\"stage\":1,\"rank\":0,\"delay_ms\":20}",
        String.valueOf(presenter.start(slow(Kind.DELAY_RANK)).body()));
    assertEquals("{\"kind\":\"kill\"}", String.valueOf(presenter.start(slow(Kind.KILL)).body()));
    assertEquals(
        "{\"kind\":\"stop\",\"duration_ms\":30000}",
        String.valueOf(presenter.start(slow(Kind.STOP)).body()));
  }

  @Test
  void aDrillSaysWhatIsExpectedOfIt() {
    List<String> effects = presenter(1, 1, 1).start(slow(Kind.SLOW_RANK)).effects();

    assertTrue(effects.getFirst().contains("wait for it"), effects.toString());
    assertTrue(effects.contains("Other replicas that are ready: 2"), effects.toString());
    assertTrue(effects.contains("It ends by itself after 30 s"), effects.toString());
  }

  @Test
  void theViewShowsBothAndOneAtATime() {
    as(Role.OPERATOR);
    presenter(1, 1, 1);
    navigate(DrillsView.class);

    assertTrue(text().contains("Slow rank"), text());
    assertTrue(text().contains("1 in progress, 1 before"), text());
    assertFalse(find(Button.class).withText("Start drill").single().isEnabled());
    assertTrue(find(Button.class).withText("End drill").single().isEnabled());
  }

  @Test
  void aViewerCannotPress() {
    as(Role.VIEWER);
    presenter(1, 1, 1);
    navigate(DrillsView.class);

    assertFalse(find(Button.class).withText("End drill").single().isEnabled());
  }

  @Test
  void theFormAsksWhatTheKindTakes() {
    tell(true);
    as(Role.OPERATOR);
    presenter(1, 0, 0);
    navigate(DrillsView.class);
    assertTrue(text().contains("No drill yet"));
    test(find(Button.class).withText("Start drill").single()).click();
    Dialog dialog = find(Dialog.class).single();
    assertTrue(find(NumberField.class, dialog).withLabel("Times as long").exists());

    @SuppressWarnings("unchecked")
    Select<Kind> kind = find(Select.class, dialog).withLabel("What is broken").single();
    kind.setValue(Kind.KILL);

    assertFalse(find(NumberField.class, dialog).withLabel("Times as long").exists());
    assertFalse(find(IntegerField.class, dialog).withLabel("Stage").exists());
    assertFalse(find(IntegerField.class, dialog).withLabel("Seconds").exists());
  }

  @Test
  void whereDrillsAreOffTheViewSaysHowToAllowThem() {
    tell(false);
    as(Role.ADMIN);
    presenter(1, 0, 0);
    navigate(DrillsView.class);

    assertTrue(text().contains("drills.enabled"), text());
    assertFalse(find(Button.class).withText("Start drill").single().isEnabled());
  }
}
