package dev.switchboard.console.web;

import jakarta.servlet.http.HttpSession;
import jakarta.servlet.http.HttpSessionAttributeListener;
import jakarta.servlet.http.HttpSessionBindingEvent;
import jakarta.servlet.http.HttpSessionEvent;
import jakarta.servlet.http.HttpSessionListener;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Bounds the sessions of one person: whoever may sign in could do so without end, and each session
 * holds its pages until it is idle for long. Where one more is signed in, that which was not used
 * for longest ends.
 */
final class PersonsSessions implements HttpSessionListener, HttpSessionAttributeListener {
  static final int MOST = 10;

  private final String attribute;
  private final Map<Object, Map<String, HttpSession>> byPerson = new HashMap<>();

  /**
   * @param attribute of a session, which has who is signed in
   */
  PersonsSessions(String attribute) {
    this.attribute = attribute;
  }

  @Override
  public void attributeAdded(HttpSessionBindingEvent event) {
    if (!event.getName().equals(attribute)) {
      return;
    }
    HttpSession session = event.getSession();
    @Nullable HttpSession over = null;
    synchronized (byPerson) {
      Map<String, HttpSession> own =
          byPerson.computeIfAbsent(event.getValue(), _ -> new LinkedHashMap<>());
      if (own.size() >= MOST) {
        over = own.values().stream().min(Comparator.comparingLong(this::used)).orElseThrow();
        own.remove(over.getId());
      }
      own.put(session.getId(), session);
    }
    if (over != null) {
      end(over);
    }
  }

  @Override
  public void sessionDestroyed(HttpSessionEvent event) {
    synchronized (byPerson) {
      byPerson.values().forEach(own -> own.remove(event.getSession().getId()));
      byPerson.values().removeIf(Map::isEmpty);
    }
  }

  private long used(HttpSession session) {
    try {
      return session.getLastAccessedTime();
    } catch (IllegalStateException _) {
      // It ended by itself meanwhile.
      return Long.MIN_VALUE;
    }
  }

  private static void end(HttpSession session) {
    try {
      session.invalidate();
    } catch (IllegalStateException _) {
      // It ended by itself meanwhile.
    }
  }
}
