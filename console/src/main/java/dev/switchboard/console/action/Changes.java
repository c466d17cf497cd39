package dev.switchboard.console.action;

import dev.switchboard.console.api.Acting;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.auth.Person;
import dev.switchboard.console.live.LiveGateway;
import java.net.URI;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;

/**
 * Asks gateways for changes. The role is checked here and, since the console acts with the key of
 * the person's role, by the gateway again.
 */
public final class Changes {
  static final int REASON_MAX = 512;
  private static final int CHANGED_MEANWHILE = 412;
  private static final Logger LOG = LoggerFactory.getLogger(Changes.class);

  private final boolean checksRoles;

  private Changes(boolean checksRoles) {
    this.checksRoles = checksRoles;
  }

  /** As the console has it. */
  public static Changes checked() {
    return new Changes(true);
  }

  /** Without the check of the role, to see that the gateway refuses too. */
  static Changes unchecked() {
    return new Changes(false);
  }

  /** Does it for the person, who gave the reason. */
  public Result run(LiveGateway gateway, Change change, Person person, String reason) {
    String why = reason.strip();
    if (checksRoles && !person.role().includes(change.needs())) {
      LOG.info("change_denied person={} change=\"{}\"", person.name(), change.title());
      return new Result.Denied(
          "This takes the role " + change.needs().word() + "; yours is " + person.role().word());
    }
    if (why.isEmpty() || why.length() > REASON_MAX) {
      return new Result.Failed("The reason must have 1 to " + REASON_MAX + " characters");
    }
    try {
      Acting acting = new Acting(person.role(), person.name(), why, change.version());
      JsonNode answer =
          gateway.client().change(change.method(), change.path(), change.body(), acting);
      LOG.info(
          "changed person={} gateway={} change=\"{}\"",
          person.name(),
          gateway.name(),
          change.title());
      gateway.refresh();
      return new Result.Done(answer);
    } catch (ApiFailure e) {
      LOG.info(
          "change_failed person={} gateway={} change=\"{}\" message=\"{}\"",
          person.name(),
          gateway.name(),
          change.title(),
          e.sentence());
      return e.status() == CHANGED_MEANWHILE
          ? new Result.Stale("Somebody changed it meanwhile: " + e.sentence())
          : new Result.Failed(sentence(e));
    }
  }

  /** The same change of what is there now, for somebody who is to confirm it again. */
  public static Change again(Change change, JsonNode now) throws ApiFailure {
    return Current.again(change, now);
  }

  private static String sentence(ApiFailure e) {
    return switch (e.kind()) {
      case REFUSED -> "The gateway refused: " + e.sentence();
      case UNREACHABLE -> "The gateway cannot be reached: " + e.sentence();
      case BROKEN, TIMEOUT, MALFORMED -> "Nobody knows whether it was done: " + e.sentence();
    };
  }

  /** The same as a command for a shell. The key is a variable, so that it is not copied around. */
  public static String curl(URI gateway, Change change, String reason) {
    StringBuilder command = new StringBuilder("curl -X ").append(change.method());
    command.append(" -H \"Authorization: Bearer $SWITCHBOARD_ADMIN_KEY\"");
    command.append(" -H 'Content-Type: application/json'");
    if (!reason.isBlank()) {
      String header =
          "X-Switchboard-Change-Reason: "
              + dev.switchboard.console.api.AdminClient.encode(reason.strip());
      command.append(" -H ").append(quoted(header));
    }
    if (change.version() != null) {
      command.append(" -H ").append(quoted("If-Match: " + change.version()));
    }
    if (change.body() != null) {
      command.append(" -d ").append(quoted(change.body().toString()));
    }
    return command.append(' ').append(quoted(gateway + change.path())).toString();
  }

  private static String quoted(String text) {
    return "'" + text.replace("'", "'\\''") + "'";
  }
}
