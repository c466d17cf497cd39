package dev.switchboard.gateway.admission;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import org.junit.jupiter.api.Test;

class AdmissionTest {
  private final Admission admission = new Admission(new AdmissionConfig(1, 7));

  @Test
  void oneMoreThanTheBoundIsShedUntilOneLeaves() {
    Admission.Pass pass = assertInstanceOf(Admission.Pass.class, admission.enter());

    assertEquals(new Admission.Shed(1, 7), admission.enter());
    pass.close();
    pass.close();
    assertInstanceOf(Admission.Pass.class, admission.enter());
    assertEquals(1, admission.inFlight());
  }

  @Test
  void nothingEntersAfterClosing() {
    admission.close();

    assertEquals(new Admission.Closing(7), admission.enter());
  }
}
