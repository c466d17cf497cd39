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
  void theBareFolderOfTheFrameworkIsNothing() {
    assertEquals(404, Guard.denied("/VAADIN"));
    assertEquals(404, Guard.denied("/vaadin/"));
    assertEquals(0, Guard.denied("/VAADIN/build/x.js"));
    assertEquals(0, Guard.denied("/"));
  }
}
