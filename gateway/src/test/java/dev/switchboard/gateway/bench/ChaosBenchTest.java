package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ChaosBenchTest {
  @TempDir private @Nullable Path folder;

  @ParameterizedTest
  @CsvSource({
    "--only=nothing, 'nothing' is no scenario",
    "--preset=huge, Invalid value for option '--preset'",
    "--unknown, Unknown option"
  })
  void aWrongOptionIsNamed(String option, String complaint) {
    StringWriter errors = new StringWriter();

    int status = ChaosBench.commandLine().setErr(new PrintWriter(errors)).execute(option);

    assertEquals(2, status);
    assertTrue(errors.toString().contains(complaint), errors.toString());
  }

  @ParameterizedTest
  @EnumSource
  void theHelpNamesEveryScenario(ChaosScenario scenario) {
    StringWriter out = new StringWriter();

    int status = ChaosBench.commandLine().setOut(new PrintWriter(out)).execute("--help");

    assertEquals(0, status);
    assertTrue(out.toString().contains(scenario.label()), out.toString());
    assertEquals(scenario, ChaosScenario.of(scenario.label()));
  }

  private ChaosStage stage() {
    return new ChaosStage(
        Path.of(String.valueOf(folder)), Path.of("m"), ChaosPlan.Size.QUICK.plan());
  }

  @Test
  void aBrokenPromiseStandsInTheTableAndInTheFile() throws Exception {
    ChaosReport report = new ChaosReport("2 cores");
    ChaosStage good = stage();
    good.figure("failed", 0);
    report.add(ChaosScenario.DRAIN, good);
    assertTrue(report.kept());
    ChaosStage bad = stage();
    bad.most("longest_gap_ms", 12.5);
    bad.most("longest_gap_ms", 7);
    bad.add("streams", 2);
    bad.add("streams", 3);
    bad.promise(true, "never said");
    bad.promise(false, "one broke");
    report.add(ChaosScenario.KILL, bad);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Path file = Path.of(String.valueOf(folder)).resolve("chaos.json");

    report.print(new PrintStream(out, true, StandardCharsets.UTF_8));
    report.write(file);

    String text = out.toString(StandardCharsets.UTF_8);
    assertFalse(report.kept());
    assertTrue(text.contains("longest gap ms 12.5, streams 5 | 1 BROKEN |"), text);
    assertTrue(text.contains("BROKEN kill: one broke"), text);
    assertFalse(text.contains("never said"), text);
    String json = Files.readString(file);
    assertTrue(json.contains("\"longest_gap_ms\" : 12.5"), json);
    assertTrue(json.contains("\"broken\" : [ \"one broke\" ]"), json);
    assertTrue(json.contains("\"kept\" : false"), json);
  }

  @Test
  void whatCouldNotBeJudgedIsNotCalledKept() throws Exception {
    ChaosReport report = new ChaosReport("2 cores");
    ChaosStage stage = stage();
    stage.unjudged("no disk may be mounted here");
    report.add(ChaosScenario.FULL_DISK, stage);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Path file = Path.of(String.valueOf(folder)).resolve("chaos.json");

    report.print(new PrintStream(out, true, StandardCharsets.UTF_8));
    report.write(file);

    String text = out.toString(StandardCharsets.UTF_8);
    assertTrue(text.contains("| not judged |"), text);
    assertTrue(text.contains("NOT JUDGED full-disk: no disk may be mounted here"), text);
    assertTrue(report.kept(), text);
    String json = Files.readString(file);
    assertTrue(json.contains("\"not_judged\" : [ \"no disk may be mounted here\" ]"), json);
  }

  @Test
  void aBrokenPromiseStaysOneWhereAnotherCouldNotBeJudged() {
    ChaosReport report = new ChaosReport("2 cores");
    ChaosStage stage = stage();
    stage.unjudged("no disk may be mounted here");
    stage.promise(false, "a key was lost");
    report.add(ChaosScenario.FULL_DISK, stage);

    assertFalse(report.kept());
  }

  @Test
  void theEndOfARotatedKeyIsTheOneThatWasWanted() {
    Instant wanted = Instant.parse("2026-01-01T12:00:00Z");

    assertTrue(StoreChanges.near(TextNode.valueOf("2026-01-01T12:01:00Z"), wanted));
    assertFalse(StoreChanges.near(TextNode.valueOf("2026-01-02T12:00:00Z"), wanted));
    assertFalse(StoreChanges.near(NullNode.getInstance(), wanted));
  }

  @Test
  void anAnswerIsToldToTheLedgerAndKeptAsText() {
    ClientLedger ledger = new ClientLedger();
    AnswerLog answer = new AnswerLog(ledger.begin(true), true);
    byte[] bytes =
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                + chunk("{\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}")
                + chunk("{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}")
                + chunk("{\"choices\":[{\"delta\":{\"content\":\"b\"}}]}")
                + chunk("{\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}")
                + chunk("[DONE]")
                + "0\r\n\r\n")
            .getBytes(StandardCharsets.US_ASCII);

    new HttpReader(answer).feed(bytes, bytes.length);

    assertEquals("ab\nlength", answer.said());
    assertTrue(answer.good());
    assertEquals(2, answer.tokens());
    assertEquals(java.util.List.of(), ledger.faults());
  }

  private static String chunk(String data) {
    String event = "data: " + data + "\n\n";
    return Integer.toHexString(event.length()) + "\r\n" + event + "\r\n";
  }

  @Test
  void anErrorEventMakesAnAnswerABadOne() {
    AnswerLog answer = new AnswerLog(new ClientLedger().begin(true), true);
    byte[] bytes =
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                + chunk("{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}")
                + chunk("{\"error\":{\"message\":\"gone\"}}")
                + "0\r\n\r\n")
            .getBytes(StandardCharsets.US_ASCII);

    new HttpReader(answer).feed(bytes, bytes.length);

    assertFalse(answer.good());
    assertTrue(answer.complaint().contains("gone"), answer.complaint());
  }
}
