package dev.switchboard.console.auth;

import dev.switchboard.console.api.Role;
import java.time.Clock;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Checks who signs in, slows down who guesses, and makes the first admin. */
public final class SignIn {
  private static final Logger LOG = LoggerFactory.getLogger(SignIn.class);

  /** What became of a try. */
  public sealed interface Outcome {
    /** It is this person. */
    record Welcome(Person person) implements Outcome {}

    /** Name and password do not belong together; which of them is wrong is not told. */
    record Wrong() implements Outcome {}

    /** Too many tries; nothing was checked. */
    record Wait(Duration left) implements Outcome {}
  }

  private final Users users;
  private final Clock clock;
  private final Throttle throttle;
  private final FirstRun firstRun;

  public SignIn(Users users, Clock clock) {
    this.users = users;
    this.clock = clock;
    this.throttle = new Throttle(clock);
    this.firstRun = new FirstRun(clock);
  }

  public Users users() {
    return users;
  }

  /** The token for the first admin; null once there is one, and when it is too old. */
  public @Nullable String firstRunToken() {
    return users.hasAdmin() ? null : firstRun.token();
  }

  /** Tries a name and a password from an address. */
  public Outcome tryPassword(String name, String password, String address) {
    // Nobody's name is longer; what is remembered of strangers is no longer either.
    String known = name.substring(0, Math.min(Users.NAME_MAX, name.length()));
    String byName = "name " + known.toLowerCase(Locale.ROOT);
    String byAddress = "address " + address;
    Duration wait = throttle.begin(byName, byAddress);
    if (!wait.isZero()) {
      return new Outcome.Wait(wait);
    }
    Optional<Person> person = users.verify(name, password);
    if (person.isEmpty()) {
      LOG.info("sign_in_failed address={}", address);
      return new Outcome.Wrong();
    }
    throttle.succeeded(byName, byAddress);
    LOG.info("signed_in person={} address={}", person.get().name(), address);
    return new Outcome.Welcome(person.get());
  }

  /** Makes the first admin, where the token is right; throws where name or password will not do. */
  public boolean makeFirstAdmin(String token, String name, String password, String address) {
    String key = "token " + address;
    if (!throttle.wait(key).isZero() || users.hasAdmin()) {
      return false;
    }
    boolean made = firstRun.use(token, () -> addFirst(name, password));
    if (made) {
      LOG.info("first_admin_made person={} address={}", name, address);
    } else {
      throttle.failed(key);
    }
    return made;
  }

  private void addFirst(String name, String password) {
    String did = "add " + name + " as admin";
    users
        .log()
        .write(
            new PeopleLog.Entry(clock.instant(), name, did, "the first-run token", PeopleLog.BEGUN),
            () -> {
              users.add(name, Role.ADMIN, password);
              return PeopleLog.DONE;
            });
  }
}
