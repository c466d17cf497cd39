package dev.switchboard.console.web;

import jakarta.servlet.http.HttpSession;
import jakarta.servlet.http.HttpSessionEvent;
import jakarta.servlet.http.HttpSessionListener;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Bounds the sessions in which nobody is signed in: each page that is asked for without a cookie
 * makes one, and holds memory until it is idle for long. Where one more comes, the oldest ends.
 */
final class AnonymousSessions implements HttpSessionListener {
  static final int MOST = 100;

  private final String person;
  private final Map<String, HttpSession> sessions = new LinkedHashMap<>();

  /**
   * @param person the attribute of a session in which somebody is signed in
   */
  AnonymousSessions(String person) {
    this.person = person;
  }

  @Override
  public void sessionCreated(HttpSessionEvent event) {
    List<HttpSession> over = new ArrayList<>();
    synchronized (sessions) {
      sessions.put(event.getSession().getId(), event.getSession());
      Iterator<HttpSession> oldest = sessions.values().iterator();
      while (sessions.size() > MOST && oldest.hasNext()) {
        HttpSession each = oldest.next();
        oldest.remove();
        if (!known(each)) {
          over.add(each);
        }
      }
    }
    over.forEach(AnonymousSessions::end);
  }

  @Override
  public void sessionDestroyed(HttpSessionEvent event) {
    synchronized (sessions) {
      sessions.remove(event.getSession().getId());
    }
  }

  private boolean known(HttpSession session) {
    try {
      return session.getAttribute(person) != null;
    } catch (IllegalStateException _) {
      return true;
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
