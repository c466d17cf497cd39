package dev.switchboard.console.web;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class GuardTest {
  @Test
  void thePolicyIsTheOneThatWasTried() {
    assertEquals(
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval';"
            + " style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:;"
            + " object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
        Guard.POLICY);
  }

  @Test
  void pathsThatCouldNameOneThingInTwoWaysAreDenied() {
    assertEquals(400, Guard.denied("//VAADIN"));
    assertEquals(400, Guard.denied("/;x/VAADIN"));
    assertEquals(400, Guard.denied("/system;x=1"));
    assertEquals(400, Guard.denied("/a%2Fb"));
    assertEquals(400, Guard.denied("/a\\b"));
  }

  @Test
  void bodiesThatNoPageSendsAreDenied() {
    assertEquals(411, Guard.deniedBody(true, -1, false));
    assertEquals(0, Guard.deniedBody(false, -1, true));
    assertEquals(0, Guard.deniedBody(false, Guard.STRANGERS_BODY_MAX, true));
    assertEquals(413, Guard.deniedBody(false, Guard.STRANGERS_BODY_MAX + 1, true));
    assertEquals(0, Guard.deniedBody(false, Guard.BODY_MAX, false));
    assertEquals(413, Guard.deniedBody(false, Guard.BODY_MAX + 1, false));
  }

  @Test
  void theBareFolderOfTheFrameworkIsNothing() {
    assertEquals(404, Guard.denied("/VAADIN"));
    assertEquals(404, Guard.denied("/vaadin/"));
    assertEquals(0, Guard.denied("/VAADIN/build/x.js"));
    assertEquals(0, Guard.denied("/"));
  }
}
