package dev.switchboard.console.web;

import static org.junit.jupiter.api.Assertions.assertEquals;

import jakarta.servlet.http.HttpSession;
import jakarta.servlet.http.HttpSessionBindingEvent;
import jakarta.servlet.http.HttpSessionEvent;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PersonsSessionsTest {
  private static final String PERSON = "person";
  private final PersonsSessions sessions = new PersonsSessions(PERSON);
  private final List<String> ended = new ArrayList<>();

  private HttpSession session(String id, long usedMs) {
    return (HttpSession)
        Proxy.newProxyInstance(
            getClass().getClassLoader(),
            new Class<?>[] {HttpSession.class},
            (proxy, method, _) ->
                switch (method.getName()) {
                  case "getId" -> id;
                  case "getLastAccessedTime" -> usedMs;
                  case "invalidate" -> {
                    ended.add(id);
                    sessions.sessionDestroyed(new HttpSessionEvent((HttpSession) proxy));
                    yield null;
                  }
                  default -> throw new UnsupportedOperationException(method.getName());
                });
  }

  private void signIn(String person, HttpSession session) {
    sessions.attributeAdded(new HttpSessionBindingEvent(session, PERSON, person));
  }

  @Test
  void ofOnePersonThatWhichWasNotUsedForLongestEnds() {
    for (int i = 0; i < PersonsSessions.MOST; i++) {
      // The first one is a screen on a wall.
      signIn("alice", session("s" + i, i == 0 ? 1000 : i));
    }
    assertEquals(List.of(), ended);

    signIn("alice", session("another", 1001));
    signIn("alice", session("and another", 1002));

    assertEquals(List.of("s1", "s2"), ended);
  }

  @Test
  void whoSignsOutOrIsSomebodyElseTakesNoPlace() {
    HttpSession first = session("first", 0);
    signIn("alice", first);
    signIn("bob", session("bobs", 0));
    first.invalidate();

    for (int i = 0; i < PersonsSessions.MOST; i++) {
      signIn("alice", session("s" + i, i + 1));
    }

    assertEquals(List.of("first"), ended);
  }
}
