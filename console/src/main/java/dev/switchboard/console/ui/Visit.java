package dev.switchboard.console.ui;

import com.vaadin.flow.server.VaadinRequest;
import com.vaadin.flow.server.VaadinService;
import com.vaadin.flow.server.VaadinServletRequest;
import com.vaadin.flow.server.VaadinSession;
import dev.switchboard.console.auth.Person;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Who is signed in, in Vaadin's session of this thread. Role and existence are asked each time. */
public final class Visit {
  private static final String PERSON = "switchboard.person";
  private static final String WANTED = "switchboard.wanted";

  private Visit() {}

  /** The person of this session. */
  public static Optional<Person> person() {
    VaadinSession session = VaadinSession.getCurrent();
    Object name = session == null ? null : session.getAttribute(PERSON);
    return name == null ? Optional.empty() : Services.get().signIn().users().find(name.toString());
  }

  /** Signs somebody in, under a session id that nobody could know before. */
  public static void begin(Person person) {
    VaadinService.reinitializeSession(VaadinRequest.getCurrent());
    VaadinSession.getCurrent().setAttribute(PERSON, person.name());
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
