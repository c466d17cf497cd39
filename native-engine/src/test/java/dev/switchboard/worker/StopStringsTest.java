package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class StopStringsTest {

  @Test
  void textWithoutAnyStopPassesAtOnce() {
    StopStrings stops = new StopStrings(List.of("END"));

    assertEquals("hello ", stops.next("hello "));
    assertEquals("world", stops.next("world"));
  }

  @Test
  void whatMayBecomeAStopIsHeldBack() {
    StopStrings stops = new StopStrings(List.of("END"));

    assertEquals("hello ", stops.next("hello EN"));
    assertEquals("ENormous", stops.next("ormous"));
  }

  @Test
  void aStopSpreadOverPiecesIsCut() {
    StopStrings stops = new StopStrings(List.of("\n\nUser:"));

    assertEquals("answer", stops.next("answer\n"));
    assertEquals("", stops.next("\nUs"));
    assertEquals("", stops.next("er: next"));
    assertTrue(stops.matched());
    assertEquals("", stops.next("more"));
    assertEquals("", stops.finish());
  }

  @Test
  void whatIsHeldComesOutAtTheEnd() {
    StopStrings stops = new StopStrings(List.of("END"));

    assertEquals("the ", stops.next("the EN"));
    assertEquals("EN", stops.finish());
  }

  @Test
  void theStopThatIsCompleteFirstWins() {
    StopStrings stops = new StopStrings(List.of("abcd", "bc"));

    assertEquals("xa", stops.next("xabcd"));
    assertTrue(stops.matched());
  }

  @Test
  void ofStopsThatEndTogetherTheLongestWins() {
    StopStrings stops = new StopStrings(List.of("c", "abc"));

    assertEquals("x", stops.next("xabc"));
  }

  @Test
  void aRepeatedPrefixIsStillFound() {
    StopStrings stops = new StopStrings(List.of("aab"));

    String released = stops.next("aa") + stops.next("a") + stops.next("b");

    assertEquals("a", released);
    assertTrue(stops.matched());
  }

  @Test
  void theCutDoesNotDependOnHowTheTextIsSplit() {
    Random random = new Random(7);
    for (int round = 0; round < 2000; round++) {
      String text = letters(random, 24);
      List<String> stops = List.of(letters(random, 3), letters(random, 2));

      String whole = cut(text, stops, text.length());

      assertEquals(whole, cut(text, stops, 1), () -> text + " " + stops);
      assertEquals(whole, cut(text, stops, 2 + round % 5), () -> text + " " + stops);
    }
  }

  private static String letters(Random random, int length) {
    return random
        .ints(length, 0, 3)
        .mapToObj(i -> String.valueOf((char) ('a' + i)))
        .collect(Collectors.joining());
  }

  private static String cut(String text, List<String> stops, int pieceLength) {
    StopStrings matcher = new StopStrings(stops);
    StringBuilder released = new StringBuilder();
    for (int at = 0; at < text.length(); at += pieceLength) {
      released.append(matcher.next(text.substring(at, Math.min(at + pieceLength, text.length()))));
    }
    return released.append(matcher.finish()).toString();
  }
}
