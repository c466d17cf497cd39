package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.flight.Outcome;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ClientLedgerTest {
  private static final MetricsText NOTHING = new MetricsText("");

  private final ClientLedger ledger = new ClientLedger();

  private void stream(int tokens) {
    ClientLedger.Entry entry = ledger.begin(true);
    entry.status(200);
    for (int i = 0; i < tokens; i++) {
      entry.token(i);
    }
    entry.finishReason();
    entry.done();
    entry.end();
  }

  private void whole(int status) {
    whole(ledger.begin(false), status);
  }

  private static void whole(ClientLedger.Entry entry, int status) {
    entry.status(status);
    entry.end();
  }

  @Test
  void whatEndsWellHasNoFaultAndIsCounted() {
    stream(3);
    whole(200);
    whole(429);

    assertEquals(List.of(), ledger.faults());
    assertEquals(2, ledger.count(Outcome.OK));
    assertEquals(1, ledger.count(Outcome.SHED));
    assertEquals(3, ledger.tokens());
  }

  /**
   * Each letter is what a client sees: a number a token, f a finish reason, d [DONE], e the end.
   */
  @ParameterizedTest
  @CsvSource({
    "02fde, token 2 where 1 was due",
    "00fde, token 0 where 1 was due",
    "10fde, token 1 where 0 was due",
    "01de, [DONE] without a finish reason",
    "01fe, an end without [DONE] or an error",
    "01fdde, a second [DONE]",
    "0f1de, a token after the finish reason",
    "0ffde, a second finish reason",
    "0fdee, a second end"
  })
  void aStreamThatIsNotWhatItShouldBeIsAFault(String seen, String fault) {
    ClientLedger.Entry entry = ledger.begin(true);
    entry.status(200);
    for (int i = 0; i < seen.length(); i++) {
      switch (seen.charAt(i)) {
        case 'f' -> entry.finishReason();
        case 'd' -> entry.done();
        case 'e' -> entry.end();
        default -> entry.token(seen.charAt(i) - '0');
      }
    }

    assertEquals("request 0: " + fault, ledger.faults().getFirst());
  }

  @Test
  void anErrorEventEndsAStreamWithoutDone() {
    ClientLedger.Entry entry = ledger.begin(true);
    entry.status(200);
    entry.token(0);
    entry.error(502);
    entry.end();

    assertEquals(List.of(), ledger.faults());
    assertEquals(1, ledger.count(Outcome.UPSTREAM_BROKEN));
  }

  @Test
  void aBrokenConnectionIsAFault() {
    ledger.begin(false).broke();

    assertEquals(List.of("request 0: the connection broke"), ledger.faults());
  }

  private static MetricsText counted(String outcomes, int inFlight, int gaps) {
    StringBuilder text = new StringBuilder("# HELP switchboard_requests_total Requests\n");
    for (String outcome : List.of(outcomes.split(" ", -1))) {
      text.append("switchboard_requests_total{model=\"m\",outcome=\"")
          .append(outcome.replace("=", "\"} "))
          .append('\n');
    }
    text.append("switchboard_requests_in_flight{model=\"m\"} ").append(inFlight).append('\n');
    text.append("switchboard_itl_seconds_count{model=\"m\"} ").append(gaps).append('\n');
    return new MetricsText(text.toString());
  }

  @Test
  void whatClientsAndTheGatewayCountAlikeHasNoDifference() {
    MetricsText before = counted("ok=5 shed=1", 0, 7);
    stream(3);
    whole(200);
    whole(429);

    assertEquals(List.of(), ledger.compare(before, counted("ok=7 shed=2", 0, 9)));
  }

  @ParameterizedTest
  @CsvSource({
    "ok=3, 0, 2, 'outcome=\"ok\": clients 2.0, gateway 3.0'",
    "ok=1, 0, 2, 'outcome=\"ok\": clients 2.0, gateway 1.0'",
    "ok=2, 1, 2, switchboard_requests_in_flight",
    "ok=2, 0, 1, gaps between tokens"
  })
  void oneRequestOrTokenMoreOrLessIsADifference(
      String outcomes, int inFlight, int gaps, String found) {
    stream(3);
    whole(200);

    List<String> differences = ledger.compare(NOTHING, counted(outcomes, inFlight, gaps));

    assertTrue(differences.toString().contains(found), differences.toString());
  }

  @Test
  void tokensAreCountedWhereEveryAnswerTellsThem() {
    for (int generated : new int[] {3, 4}) {
      ClientLedger.Entry whole = ledger.begin(false);
      whole.status(200);
      whole.generated(generated);
      whole.end();
    }

    assertEquals(List.of(), ledger.compare(NOTHING, tokens(7)));
    assertEquals(List.of("tokens: clients 7.0, gateway 8.0"), ledger.compare(NOTHING, tokens(8)));
    whole(200);
    assertFalse(ledger.compare(NOTHING, tokens(8)).toString().contains("tokens"));
  }

  @Test
  void promptsAreCountedWhereEveryAnswerTellsThem() {
    told(40, 3);
    told(60, 4);
    whole(429);

    assertEquals(List.of(), ledger.compare(new UsageSum(3, 100, 7)));
    assertEquals(
        List.of(
            "requests used: clients 3.0, gateway 2.0",
            "tokens used: clients 7.0, gateway 6.0",
            "prompt tokens used: clients 100.0, gateway 99.0"),
        ledger.compare(new UsageSum(2, 99, 6)));
    told(61, 0);
    assertTrue(
        ledger.compare(NOTHING, tokens(7)).contains("prompt tokens: clients 161.0, gateway 100.0"));
    whole(200);
    assertEquals(List.of(), ledger.compare(new UsageSum(5, 0, 0)));
  }

  private void told(int prompt, int generated) {
    ClientLedger.Entry entry = ledger.begin(false);
    entry.status(200);
    entry.prompted(prompt);
    entry.generated(generated);
    entry.end();
  }

  /** What was charged for its prompt, its client cannot know. */
  @Test
  void anAnswerThatFailedMayHaveBeenChargedForItsPrompt() {
    told(40, 3);
    whole(504);

    assertEquals(List.of(), ledger.compare(new UsageSum(2, 80, 3)));
  }

  private static MetricsText tokens(int generated) {
    return new MetricsText(
        "switchboard_requests_total{outcome=\"ok\"} 2\n"
            + "switchboard_tokens_total{direction=\"prompt\"} 100\n"
            + "switchboard_tokens_total{direction=\"completion\"} "
            + generated
            + "\n");
  }

  @Test
  void aRequestThatBreaksOrIsLeftCannotBeComparedInSums() {
    ledger.begin(true).leave();
    ledger.begin(true).broke();

    List<String> found = ledger.compare(NOTHING, NOTHING);

    assertEquals("request 1: the connection broke", found.getFirst());
    assertTrue(found.getLast().contains("whose clients left"), found::toString);
    assertEquals(2, found.size());
  }

  @Test
  void anAnswerThatBreaksOffIsAFaultWhateverElseWasRefused() {
    ClientLedger.Entry entry = ledger.named(true);
    entry.status(200);
    entry.broke();
    RequestEnd record = new RequestEnd(entry.id(), "client_gone", 200, 0, 0, 1);

    assertEquals(
        List.of("request 0: the connection broke"),
        ledger.compare(NOTHING, counted("client_gone=1", 0, 0), List.of(record), List.of()));
  }

  @Test
  void whatWasNeverSentMustNotBeCounted() {
    ledger.begin(true).neverSent();

    assertEquals(List.of(), ledger.compare(NOTHING, NOTHING));
    assertEquals(1, ledger.compare(NOTHING, counted("client_gone=1", 0, 0)).size());
  }

  @Test
  void recordsOfSeveralGatewaysCountTogetherButOnlyTheScrapedOnesInItsMetrics() {
    whole(ledger.named(false), 200);
    whole(ledger.named(false), 200);
    List<RequestEnd> first = List.of(new RequestEnd("client-0", "ok", 200, 0, 0, 1));
    List<RequestEnd> second = List.of(new RequestEnd("client-1", "ok", 200, 0, 0, 1));

    assertEquals(List.of(), ledger.compare(NOTHING, counted("ok=1", 0, 0), first, second));
    assertEquals(1, ledger.compare(NOTHING, counted("ok=2", 0, 0), first, second).size());
    assertEquals(1, ledger.compare(NOTHING, counted("ok=1", 0, 0), first, List.of()).size());
  }

  @Test
  void anOpenRequestIsADifferenceWithAndWithoutRecords() {
    ClientLedger.Entry _ = ledger.named(false);

    assertEquals(1, ledger.compare(NOTHING, NOTHING).size());
    assertEquals(1, ledger.compare(NOTHING, NOTHING, List.of(), List.of()).size());
  }
}
