package dev.switchboard.console.people;

import dev.switchboard.console.action.Result;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.auth.PeopleLog;
import dev.switchboard.console.auth.Person;
import dev.switchboard.console.auth.Users;
import dev.switchboard.console.ui.Format;
import java.io.UncheckedIOException;
import java.time.Clock;
import java.util.List;
import tools.jackson.databind.node.MissingNode;

/** Which changes of people there are, and who may ask for them. */
public final class PeoplePresenter {
  private static final int REASON_MAX = 512;

  private final Users users;
  private final Clock clock;

  PeoplePresenter(Users users, Clock clock) {
    this.users = users;
    this.clock = clock;
  }

  /** All of them, by name. */
  public List<Person> people() {
    return users.all();
  }

  /** Somebody new. */
  public PersonChange add(String name, Role role, String password) {
    String who = name.isEmpty() ? "Somebody new" : name;
    return new PersonChange(
        "Add " + (name.isEmpty() ? "somebody" : name),
        "add " + name + " as " + role.word(),
        List.of(who + " may sign in with this password.", may(who, role)),
        false,
        () -> users.add(name, role, password));
  }

  /** Another role. */
  public PersonChange role(Person person, Role role) {
    return new PersonChange(
        "Change role of " + person.name(),
        "role of " + person.name() + ": " + person.role().word() + " → " + role.word(),
        List.of(
            may(person.name(), role),
            "It counts at once, also where " + person.name() + " is signed in."),
        !role.includes(person.role()),
        () -> users.changeRole(person.name(), role));
  }

  /** Another password. */
  public PersonChange password(Person person, String password) {
    return new PersonChange(
        "Set password of " + person.name(),
        "new password for " + person.name(),
        List.of(
            person.name() + " signs in with the new password; the old one is no good any more.",
            "Where " + person.name() + " is signed in, that session goes on."),
        false,
        () -> users.changePassword(person.name(), password));
  }

  /** Nobody any more. */
  public PersonChange remove(Person person) {
    return new PersonChange(
        "Remove " + person.name(),
        "remove " + person.name() + ", " + person.role().word(),
        List.of(
            person.name() + " can no longer sign in, and is signed out everywhere at once.",
            "Keys of gateways that " + person.name() + " knows stay valid: revoke them in Tenants.",
            "There is no way back: who is added again gets another password."),
        true,
        () -> users.remove(person.name()));
  }

  private static String may(String who, Role role) {
    return who
        + " is "
        + switch (role) {
          case VIEWER -> "a viewer: sees everything but people, and changes nothing.";
          case OPERATOR -> "an operator: also drains and restarts, cancels requests, runs drills.";
          case ADMIN -> "an admin: also loads models, sets objectives, makes keys, changes people.";
        };
  }

  /** Does it for somebody, who gave the reason, and writes it down. */
  public Result run(PersonChange change, Person actor, String reason) {
    String why = reason.strip();
    if (why.isEmpty() || why.length() > REASON_MAX) {
      return new Result.Failed("The reason must have 1 to " + REASON_MAX + " characters");
    }
    boolean may = users.find(actor.name()).filter(p -> p.role() == Role.ADMIN).isPresent();
    PeopleLog.Entry asked =
        new PeopleLog.Entry(clock.instant(), actor.name(), change.did(), why, PeopleLog.BEGUN);
    try {
      PeopleLog.Entry entry = users.log().write(asked, () -> may ? outcome(change) : "denied");
      if (!may) {
        return new Result.Denied("This takes the role admin");
      }
      return entry.outcome().equals(PeopleLog.DONE)
          ? new Result.Done(MissingNode.getInstance())
          : new Result.Failed("Not done: " + entry.outcome());
    } catch (UncheckedIOException e) {
      return new Result.Failed("Not done: " + e.getMessage());
    }
  }

  private static String outcome(PersonChange change) {
    try {
      change.done().run();
      return PeopleLog.DONE;
    } catch (IllegalArgumentException | UncheckedIOException e) {
      return String.valueOf(e.getMessage());
    }
  }

  /** Rows of texts, the newest first: time, who, did, reason, outcome. */
  public List<List<String>> log() {
    return users.log().newest().stream()
        .map(e -> List.of(Format.full(e.at()), e.who(), e.did(), e.reason(), e.outcome()))
        .toList();
  }
}
