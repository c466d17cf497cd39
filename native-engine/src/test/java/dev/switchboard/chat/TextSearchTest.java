package dev.switchboard.chat;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import org.junit.jupiter.api.Test;

/** A search finds what that of strings finds. */
class TextSearchTest {
  private final Random random = new Random(7);

  private String text(int length, int letters) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append((char) ('a' + random.nextInt(letters) * 0x1234));
    }
    return text.toString();
  }

  @Test
  void theFirstAndTheLastPlaceAreThoseOfStrings() {
    for (int i = 0; i < 20_000; i++) {
      int letters = 1 + random.nextInt(3);
      String whole = text(random.nextInt(90), letters);
      String wanted = text(random.nextInt(40), letters);
      if (random.nextInt(3) == 0) {
        whole = whole + wanted + text(random.nextInt(50), letters);
      }
      int from = random.nextInt(whole.length() + 5);

      String what = whole + " " + wanted + " " + from;
      assertEquals(whole.indexOf(wanted, from), TextSearch.first(whole, wanted, from), what);
      assertEquals(whole.lastIndexOf(wanted, from), TextSearch.last(whole, wanted, from), what);
    }
  }
}
