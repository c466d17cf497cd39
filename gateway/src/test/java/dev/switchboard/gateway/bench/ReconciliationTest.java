package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.bench.ClientLedger.End;
import dev.switchboard.gateway.bench.ClientLedger.Seen;
import dev.switchboard.gateway.flight.Outcome;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReconciliationTest {
  private static final Seen STREAM = new Seen("s", End.ANSWERED, true, Outcome.OK, 200, 5, 6);
  private static final Seen WHOLE = new Seen("w", End.ANSWERED, false, Outcome.OK, 200, 0, 4);
  private static final Seen REFUSED = new Seen("r", End.ANSWERED, true, Outcome.SHED, 429, 0, 0);
  private static final Seen LEFT = new Seen("l", End.LEFT, true, Outcome.CLIENT_GONE, 200, 3, -1);
  private static final Seen UNSURE = new Seen("u", End.LEFT, true, Outcome.CLIENT_GONE, 0, 0, -1);
  private static final Seen UNHEARD =
      new Seen("x", End.UNHEARD, true, Outcome.CLIENT_GONE, 0, 0, -1);
  private static final Seen UNSENT = new Seen("n", End.UNSENT, true, Outcome.CLIENT_GONE, 0, 0, -1);

  private static RequestEnd record(String id, String outcome, int status, int tokens, int pieces) {
    return new RequestEnd(id, outcome, status, 10, tokens, pieces);
  }

  private static final RequestEnd OF_STREAM = record("s", "ok", 200, 6, 5);
  private static final RequestEnd OF_LEFT = record("l", "client_gone", 200, 0, 4);

  private static final List<Seen> REQUESTS = List.of(STREAM, WHOLE, REFUSED, LEFT, UNSURE);
  private static final List<RequestEnd> RECORDS =
      List.of(
          OF_STREAM,
          record("w", "ok", 200, 4, 1),
          record("r", "shed", 429, 0, 0),
          OF_LEFT,
          record("u", "client_gone", 0, 0, 0));

  private static List<RequestEnd> with(RequestEnd changed) {
    return RECORDS.stream()
        .map(record -> record.id().equals(changed.id()) ? changed : record)
        .toList();
  }

  private static List<RequestEnd> without(String id) {
    return RECORDS.stream().filter(record -> !record.id().equals(id)).toList();
  }

  private static List<RequestEnd> and(RequestEnd further) {
    List<RequestEnd> records = new ArrayList<>(RECORDS);
    records.add(further);
    return records;
  }

  private static void assertDiffers(String what, List<Seen> requests, List<RequestEnd> records) {
    List<String> found = Reconciliation.byId(requests, records, 0);

    assertEquals(1, found.size(), found::toString);
    assertTrue(found.getFirst().contains(what), found::toString);
  }

  @Test
  void aRecordForEachRequestIsNoDifference() {
    assertEquals(List.of(), Reconciliation.byId(REQUESTS, RECORDS, 0));
  }

  @ParameterizedTest
  @CsvSource({
    "s, shed, 200, 6, 5",
    "s, ok, 0, 6, 5",
    "s, ok, 200, 7, 5",
    "s, ok, 200, 5, 5",
    "s, ok, 200, 6, 6",
    "s, ok, 200, 6, 4",
    "w, ok, 200, 3, 1",
    "w, client_gone, 200, 4, 1",
    "r, ok, 429, 0, 0",
    "r, shed, 503, 0, 0",
    "r, shed, 429, 0, 1",
    "l, client_gone, 0, 0, 3",
    "l, client_gone, 200, 0, 2"
  })
  void anythingElseInARecordIsADifference(
      String id, String outcome, int status, int tokens, int pieces) {
    assertDiffers(
        "request " + id + ": ", REQUESTS, with(record(id, outcome, status, tokens, pieces)));
  }

  @ParameterizedTest
  @CsvSource({"s, answered", "w, answered", "r, answered", "l, left"})
  void aMissingRecordIsADifference(String id, String how) {
    assertDiffers("request " + id + ": " + how, REQUESTS, without(id));
  }

  @Test
  void aSecondRecordOfARequestIsADifference() {
    assertDiffers("request s: more than one record", REQUESTS, and(OF_STREAM));
    assertDiffers("request l: more than one record", REQUESTS, and(OF_LEFT));
  }

  @Test
  void aRecordOfNobodysRequestIsADifference() {
    assertDiffers("nobody's request: ", REQUESTS, and(record("?", "ok", 200, 1, 1)));
  }

  @ParameterizedTest
  @CsvSource({"client_gone, 200, 0, 3", "ok, 200, 9, 9", "upstream_broken, 200, 0, 5"})
  void whoeverLeftDoesNotKnowHowItEnded(String outcome, int status, int tokens, int pieces) {
    List<RequestEnd> records = with(record("l", outcome, status, tokens, pieces));

    assertEquals(List.of(), Reconciliation.byId(REQUESTS, records, 0));
  }

  @Test
  void aStreamThatEndsWithAnErrorDoesNotTellItsTokens() {
    Seen broken = new Seen("b", End.ANSWERED, true, Outcome.UPSTREAM_BROKEN, 200, 2, 0);
    RequestEnd record = record("b", "upstream_broken", 200, 2, 2);

    assertEquals(List.of(), Reconciliation.byId(List.of(broken), List.of(record), 0));
  }

  @Test
  void asManyRequestsHaveNoRecordAsConnectionsWereClosedUnread() {
    List<Seen> requests = List.of(UNSURE, UNHEARD);

    assertEquals(List.of(), Reconciliation.byId(requests, List.of(), 2));
    for (int closed : new int[] {0, 1, 3}) {
      assertEquals(
          List.of("requests without a record: 2, connections closed unread: " + closed + ".0"),
          Reconciliation.byId(requests, List.of(), closed));
    }
  }

  @Test
  void whatWasNotSentWholeMayHaveBeenClosedUnreadOrNot() {
    List<Seen> requests = List.of(UNHEARD, UNSENT);

    assertEquals(List.of(), Reconciliation.byId(requests, List.of(), 1));
    assertEquals(List.of(), Reconciliation.byId(requests, List.of(), 2));
    assertEquals(1, Reconciliation.byId(requests, List.of(), 0).size());
    assertEquals(1, Reconciliation.byId(requests, List.of(), 3).size());
  }

  @Test
  void whatWasClosedUnreadOrNotSentWholeHasNoRecord() {
    RequestEnd served = record("x", "ok", 200, 1, 1);

    assertTrue(
        Reconciliation.byId(List.of(UNHEARD), List.of(served), 1)
            .getFirst()
            .contains("request x: connection broke"));
    assertDiffers("request n: never sent", List.of(UNSENT), List.of(record("n", "ok", 200, 1, 1)));
  }

  @Test
  void noMoreThanTheFirstDifferencesAreTold() {
    List<RequestEnd> records = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      records.add(record("nobody-" + i, "ok", 200, 1, 1));
    }

    assertEquals(20, Reconciliation.byId(List.of(), records, 0).size());
  }

  /** Of the records above. */
  private static MetricsText metrics(int ok, int gone, int shed, int prompt, int told, int gaps) {
    return new MetricsText(
        """
        switchboard_requests_total{model="m",outcome="ok"} %d
        switchboard_requests_total{model="m",outcome="client_gone"} %d
        switchboard_requests_total{model="m",outcome="shed"} %d
        switchboard_tokens_total{direction="prompt",cache="hit"} 20
        switchboard_tokens_total{direction="prompt",cache="miss"} %d
        switchboard_tokens_total{direction="completion",cache="none"} %d
        switchboard_itl_seconds_count{model="m"} %d
        """
            .formatted(ok, gone, shed, prompt - 20, told, gaps));
  }

  private static final MetricsText COUNTED = metrics(2, 2, 1, 50, 10, 7);

  @Test
  void recordsThatSumUpToWhatWasCountedHaveNoDifference() {
    assertEquals(List.of(), Reconciliation.bySum(RECORDS, new MetricsText(""), COUNTED));
    assertEquals(List.of(), Reconciliation.bySum(List.of(), COUNTED, COUNTED));
  }

  @ParameterizedTest
  @CsvSource({
    "3, 2, 1, 50, 10, 7, outcome=\"ok\"",
    "2, 1, 1, 50, 10, 7, outcome=\"client_gone\"",
    "2, 2, 0, 50, 10, 7, outcome=\"shed\"",
    "2, 2, 1, 51, 10, 7, prompt tokens",
    "2, 2, 1, 50, 9, 7, completion tokens",
    "2, 2, 1, 50, 10, 8, gaps between pieces"
  })
  void aCountThatIsNotTheSumOfItsRecordsIsADifference(
      int ok, int gone, int shed, int prompt, int told, int gaps, String what) {
    MetricsText after = metrics(ok, gone, shed, prompt, told, gaps);

    List<String> found = Reconciliation.bySum(RECORDS, new MetricsText(""), after);

    assertEquals(1, found.size(), found::toString);
    assertTrue(found.getFirst().startsWith(what), found::toString);
  }
}
