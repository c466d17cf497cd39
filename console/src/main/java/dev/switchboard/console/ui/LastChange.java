package dev.switchboard.console.ui;

import com.vaadin.flow.server.VaadinSession;
import dev.switchboard.console.action.Change;
import dev.switchboard.console.action.Revert;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.live.LiveGateway;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * What the person of this session did last, as long as it can be taken back from the frame. Taking
 * it back is a change like any other: it says what it does, asks why and is audited.
 */
final class LastChange {
  private static final Duration OFFERED = Duration.ofMinutes(15);

  private final LiveGateway gateway;
  private final Change change;
  private final Revert revert;
  private final JsonNode answer;
  private final Instant at;

  private LastChange(
      LiveGateway gateway, Change change, Revert revert, JsonNode answer, Instant at) {
    this.gateway = gateway;
    this.change = change;
    this.revert = revert;
    this.answer = answer;
    this.at = at;
  }

  /** Says that a change is done, and offers to take it back where that can be. */
  static void remember(LiveGateway gateway, Change change, JsonNode answer) {
    Revert revert = change.revert();
    if (revert == null) {
      VaadinSession.getCurrent().setAttribute(LastChange.class, null);
      MainLayout.changed();
      Toast.done(change.title() + ": done");
      return;
    }
    Instant now = Services.get().clock().instant();
    LastChange last = new LastChange(gateway, change, revert, answer, now);
    VaadinSession.getCurrent().setAttribute(LastChange.class, last);
    MainLayout.changed();
    Toast.done(change.title() + ": done", "Revert", last::takeBack);
  }

  /** The last one of this session that can still be taken back. */
  static Optional<LastChange> get() {
    LastChange last = VaadinSession.getCurrent().getAttribute(LastChange.class);
    Instant now = Services.get().clock().instant();
    return Optional.ofNullable(last).filter(l -> now.isBefore(l.at.plus(OFFERED)));
  }

  String title() {
    return change.title();
  }

  /** Shows what takes it back, as things are now. */
  void takeBack() {
    try {
      Change back = revert.change(answer);
      new ActionDialog(gateway, () -> back, _ -> {}).open();
    } catch (ApiFailure e) {
      Toast.failed("What it would be taken back to cannot be read: " + e.sentence());
    }
  }
}
