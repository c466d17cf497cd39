package dev.switchboard.console.ui;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.console.action.Changes;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.audit.AuditView;
import java.time.Clock;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A session that nobody uses ends; going to a view is a use, and drawing one is none. */
class IdleTest extends ConsoleViewTest {
  private static final Duration IDLE = Duration.ofMinutes(10);
  private Services before;

  @BeforeEach
  void signIn() {
    before = Services.get();
    after(Duration.ZERO);
    as(Role.VIEWER);
  }

  @AfterEach
  void restore() {
    Services.install(before);
  }

  private void after(Duration time) {
    Clock clock = Clock.offset(Clock.systemUTC(), time);
    Services.install(
        new Services(
            before.gateways(),
            before.signIn(),
            Changes.checked(),
            clock,
            "test",
            null,
            null,
            IDLE));
  }

  @Test
  void whoDidNothingForSoLongIsAskedToSignIn() {
    go("audit");
    after(Duration.ofMinutes(11));

    go("requests");

    assertInstanceOf(SignInView.class, getCurrentView());
  }

  @Test
  void goingToAViewIsAUse() {
    for (int minutes = 9; minutes < 40; minutes += 9) {
      after(Duration.ofMinutes(minutes));
      go("audit");
      assertInstanceOf(AuditView.class, getCurrentView());
    }
  }

  @Test
  void aViewThatIsDrawnAnewIsNoUse() {
    go("models");
    after(Duration.ofMinutes(9));
    ((LiveView) getCurrentView()).refresh();
    after(Duration.ofMinutes(11));

    assertTrue(Visit.person().isEmpty());
  }
}
