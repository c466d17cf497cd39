package dev.switchboard.console.ui;

import com.vaadin.flow.server.VaadinRequest;
import com.vaadin.flow.server.VaadinService;
import com.vaadin.flow.server.VaadinServletRequest;
import com.vaadin.flow.server.VaadinSession;
import dev.switchboard.console.auth.Person;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Who is signed in, in Vaadin's session of this thread. Role and existence are asked each time. */
public final class Visit {
  /** The attribute of a web server's session in which somebody signed in; has the name. */
  public static final String SIGNED_IN = "switchboard.signed-in";

  private static final String PERSON = "switchboard.person";
  private static final String WANTED = "switchboard.wanted";

  private Visit() {}

  /** The person of this session; nobody where it was not used for too long. */
  public static Optional<Person> person() {
    VaadinSession session = VaadinSession.getCurrent();
    Person begun = session == null ? null : (Person) session.getAttribute(PERSON);
    if (session == null || begun == null) {
      return Optional.empty();
    }
    if (idle(session)) {
      session.setAttribute(PERSON, null);
      return Optional.empty();
    }
    // Of a name that was removed and added again it is another person.
    return Services.get()
        .signIn()
        .users()
        .find(begun.name())
        .filter(now -> now.since().equals(begun.since()));
  }

  private static boolean idle(VaadinSession session) {
    Services services = Services.get();
    Instant used = session.getAttribute(Instant.class);
    return used != null && used.plus(services.idle()).isBefore(services.clock().instant());
  }

  /**
   * Somebody did something, or went to a view. A page that is only open asks for what changed and
   * so uses the session of the web server, but not this.
   */
  static void use() {
    VaadinSession.getCurrent().setAttribute(Instant.class, Services.get().clock().instant());
  }

  /** Signs somebody in, under a session id that nobody could know before. */
  public static void begin(Person person) {
    VaadinService.reinitializeSession(VaadinRequest.getCurrent());
    VaadinSession.getCurrent().setAttribute(PERSON, person);
    // What the session has may be of another person, whose time was over.
    VaadinSession.getCurrent().setAttribute(LastChange.class, null);
    VaadinSession.getCurrent().getSession().setAttribute(SIGNED_IN, person.name());
    use();
  }

  /** Ends the session, with all that it holds. */
  public static void end() {
    VaadinSession.getCurrent().setAttribute(PERSON, null);
    VaadinSession.getCurrent().getSession().invalidate();
  }

  /** Remembers where somebody wanted to go before he signed in. */
  static void want(String path) {
    VaadinSession.getCurrent().setAttribute(WANTED, path);
  }

  /** Where he wanted to go; forgets it. */
  public static String wanted() {
    @Nullable Object path = VaadinSession.getCurrent().getAttribute(WANTED);
    VaadinSession.getCurrent().setAttribute(WANTED, null);
    return path == null ? "" : path.toString();
  }

  /** The address of the browser, for the throttle and the log. */
  public static String address() {
    VaadinServletRequest request = VaadinServletRequest.getCurrent();
    return request == null ? "unknown" : String.valueOf(request.getRemoteAddr());
  }
}
