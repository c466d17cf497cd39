package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.bench.Samples;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class DispatchReportTest {
  private static final DispatchCrowd PEOPLE = DispatchCrowd.closed("people", 4).targets(500, 50);
  private static final DispatchScenario TWO =
      new DispatchScenario(
          "two",
          "two engines",
          List.of(EngineScript.DEFAULT, EngineScript.parse("cold=8x2")),
          List.of(PEOPLE),
          1,
          11,
          new DispatchScenario.Recovery(1, 2));

  private static final DispatchScenario EQUAL =
      new DispatchScenario(
          "equal",
          "one engine",
          Collections.nCopies(1, EngineScript.DEFAULT),
          List.of(PEOPLE),
          0,
          10,
          null);

  @Test
  void figuresCountWhatIsSentInThePartThatCounts() {
    DispatchTrace trace = new DispatchTrace();
    served(trace, 0.5, 0, 100, 10, 40);
    served(trace, 1, 0, 100, 11, 40);
    served(trace, 2, 0, 100, 11, 60);
    served(trace, 3, 1, 600, 11, 40);
    trace.sent(PEOPLE, 4).refused("ttft_unreachable", 4.1);
    served(trace, 6, 1, 100, 11, 40);
    trace.sent(PEOPLE, 7).refused(DispatchTrace.LOST, 8);
    trace.ejected(2);

    Map<String, Double> figures = DispatchFigures.of(TWO, trace);

    assertEquals(0.5, figure(figures, DispatchFigures.share(1)));
    assertEquals(40, figure(figures, DispatchFigures.TPOT_P50), 1e-6);
    assertEquals(100, figure(figures, DispatchFigures.TTFT_P50), 1e-6);
    assertEquals(60, figure(figures, DispatchFigures.ITL_P99), 1e-6);
    assertEquals(4.4, figure(figures, DispatchFigures.TOKENS), 1e-6);
    assertEquals(2.0 / 6, figure(figures, DispatchFigures.inTime(PEOPLE)), 1e-6);
    assertEquals(1, figure(figures, "refused_people_ttft_unreachable"));
    assertEquals(1, figure(figures, DispatchFigures.LOST));
    assertEquals(1, figure(figures, DispatchFigures.LOST_EARLY));
    assertEquals(0, figure(figures, DispatchFigures.HALF), 1e-6);
    assertEquals(2, figure(figures, DispatchFigures.EJECTIONS));
  }

  @Test
  void aRecoveredEngineThatGetsNothingNeverHasHalfAShare() {
    DispatchTrace trace = new DispatchTrace();
    for (int i = 0; i < 20; i++) {
      served(trace, 2 + i * 0.4, 0, 100, 5, 40);
    }

    assertEquals(
        Double.POSITIVE_INFINITY, figure(DispatchFigures.of(TWO, trace), DispatchFigures.HALF));
  }

  @Test
  void aSimulatorThatSaysTheSameAgrees() {
    DispatchReport report = report(50, 50);

    String text = printed(report);

    assertTrue(text.contains("equal, least-loaded: the simulator agrees: reached"), text);
    assertTrue(report.kept(), text);
  }

  @Test
  void aSimulatorThatIsOffIsNamedWithBothNumbers() {
    DispatchReport report = report(50, 40);

    String text = printed(report);

    assertTrue(text.contains("tpot_p50_ms 50.000, simulated 40.000: MISSED"), text);
    assertFalse(report.kept(), text);
  }

  @Test
  void whatADisturbedMachineGaveIsShownApartAndJudgedByNothing() {
    DispatchReport report = report(50, 40, new MachineWatch.Seen(30, 0, 0));

    String text = printed(report);

    assertTrue(text.contains("| least-loaded disturbed "), text);
    assertTrue(text.contains("equal, least-loaded: the machine disturbed every round"), text);
    assertFalse(text.contains("tpot_p50_ms"), text);
    assertFalse(report.kept(), text);
  }

  @Test
  void aQuietRoundIsEnough() {
    DispatchReport report = report(50, 50);
    DispatchTrace disturbed = new DispatchTrace();
    served(disturbed, 1, 0, 100, 20, 500);
    disturbed.measured(StepDelays.NONE, new MachineWatch.Seen(30, 0, 0));
    report.measured(EQUAL, "least-loaded", disturbed.ejected(1));

    assertTrue(report.kept(), printed(report));
  }

  @Test
  void oneEjectionOfAnEqualEngineInAnyRoundIsTooMany() {
    DispatchReport report = report(50, 50);
    for (int rounds = 0; rounds < 2; rounds++) {
      DispatchTrace trace = new DispatchTrace();
      served(trace, 1, 0, 100, 20, 50);
      report.measured(EQUAL, "least-loaded", trace.ejected(rounds));
    }

    String text = printed(report);

    assertTrue(text.contains("least-loaded: ejections 1.000, wanted at most 0.000: MISSED"), text);
    assertFalse(report.kept(), text);
  }

  @Test
  void aRoundThatDoesNotTellItsEjectionsIsNotJudgedAsOneWithoutAny() {
    DispatchReport report = report(50, 50);
    DispatchTrace trace = new DispatchTrace();
    served(trace, 1, 0, 100, 20, 50);
    report.measured(EQUAL, "least-loaded", trace);

    assertFalse(report.kept(), printed(report));
  }

  @Test
  void whatADecisionTakesIsTold() {
    DispatchReport report = report(50, 50);
    for (int replicas : DecisionCost.REPLICAS) {
      Samples micros = new Samples();
      micros.add(replicas / 2.0);
      report.decided("least-loaded", replicas, micros);
    }

    String text = printed(report);

    assertTrue(text.contains("2.0 µs"), text);
    assertTrue(text.contains("32.0 µs"), text);
  }

  private static DispatchReport report(double realMs, double simulatedMs) {
    return report(realMs, simulatedMs, MachineWatch.Seen.UNTROUBLED);
  }

  private static DispatchReport report(
      double realMs, double simulatedMs, MachineWatch.Seen machine) {
    DispatchReport report =
        new DispatchReport("a machine", List.of(EQUAL), List.of("least-loaded"));
    DispatchTrace real = new DispatchTrace();
    served(real, 1, 0, 100, 20, realMs);
    report.measured(EQUAL, "least-loaded", real.measured(StepDelays.NONE, machine).ejected(0));
    DispatchTrace simulated = new DispatchTrace();
    served(simulated, 1, 0, 100, 20, simulatedMs);
    report.simulated(EQUAL, "least-loaded", simulated);
    return report;
  }

  private static double figure(Map<String, Double> figures, String name) {
    return Objects.requireNonNull(figures.get(name), name);
  }

  private static String printed(DispatchReport report) {
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    report.print(new PrintStream(text, true, StandardCharsets.UTF_8));
    return text.toString(StandardCharsets.UTF_8);
  }

  private static void served(
      DispatchTrace trace, double sent, int engine, double ttftMs, int tokens, double tokenMs) {
    DispatchTrace.Seen seen = trace.sent(PEOPLE, sent);
    double last = sent;
    for (int i = 0; i < tokens; i++) {
      last = sent + (ttftMs + i * tokenMs) / 1000;
      seen.token(engine, last);
    }
    seen.served(last);
  }
}
