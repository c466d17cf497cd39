package dev.switchboard.constraint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Objects;
import java.util.Random;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RegexTest {
  private final Answers answers = new Answers(TestTokenizer.bytes());

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a",
        "a*b+c?",
        "(?:ab|a)(c|bcd)*",
        "[a-c]{2,3}|[^a-c]",
        "a{0}b{2,}",
        "(a*)*b",
        "(a|ab)(c|bc)",
        "\\d+(\\.\\d{1,2})?",
        "[\\w.-]+@[\\w-]+\\.com",
        "(?<year>\\d{4})-\\d\\d",
        "^a|b$",
        "a.c",
        "é|日本|😀",
        "[à-ÿ😀-😂]+",
        "\\u0061\\x62\\u{63}",
        "[^\\W\\d]{2}",
        "a+?b*?",
        "\\[\\]\\{\\}\\(\\)\\\\\\/\\^\\$",
        "()a|",
        "[\\p{Lu}\\p{Nd}]{1,3}\\P{L}*",
        "[^\\p{L}]+|\\p{sc=Han}",
        "x^y|z"
      })
  void matchesWhatJavaMatches(String pattern) {
    Pattern java = Pattern.compile(pattern.replace("\\u{63}", "c"));
    ConstraintSource source = new ConstraintSource.Regex(pattern);
    Random random = new Random(pattern.hashCode());
    String alphabet = "aaabbbccdxyz0123.-@_ com é日本😀ÿ[]{}()\\/^$\n";

    for (int i = 0; i < 300; i++) {
      StringBuilder text = new StringBuilder();
      for (int length = random.nextInt(7); length > 0; length--) {
        int at = alphabet.offsetByCodePoints(0, random.nextInt(40));
        text.appendCodePoint(alphabet.codePointAt(at));
      }
      boolean expected = java.matcher(text).matches();
      assertEquals(expected, answers.accepts(source, text.toString()), pattern + " on " + text);
    }
    for (int i = 0; i < 20; i++) {
      String sampled = answers.sample(source, random, 12);
      assertEquals(true, sampled == null || java.matcher(sampled).matches(), sampled);
    }
  }

  /** Those that Java's expressions do not know. */
  @ParameterizedTest
  @CsvSource({
    "Regional_Indicator, 0x1F1E6, 26",
    "RI, 0x1F1FF, 26",
    "ASCII_Hex_Digit, 0x46, 22",
    "AHex, 0x61, 22",
    "White_Space, 0xA0, 25",
    "space, 0x2029, 25"
  })
  void aPropertyHasTheCodePointsOfTheUnicodeStandard(String name, int one, int size) {
    CodePoints found = Objects.requireNonNull(UnicodeProperty.of(name));

    assertTrue(found.contains(one), name);
    assertEquals(
        size, IntStream.rangeClosed(0, CodePoints.MOST).filter(found::contains).count(), name);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "(            | has an unmatched (",
        "a)           | has an unmatched )",
        "foo**        | repeats a repeat at 4",
        "*a           | repeats nothing at 0",
        "a{3,2}       | repeats at least 3 but at most 2 times",
        "a{99999}     | repeats more than 10000 times",
        "[z-a]        | has a range that ends before it begins",
        "[a           | ends too early",
        "[]           | has an empty set",
        "(?=a)        | looks ahead or behind or sets flags, which is not supported",
        "(?<!a)b      | looks ahead or behind or sets flags, which is not supported",
        "(?i)a        | looks ahead or behind or sets flags, which is not supported",
        "(a)\\1       | has \\1, which is not supported",
        "\\bword      | has \\b, which is not supported",
        "\\p{Nope}    | has \\p{Nope}, which is not known",
        "\\pL         | has a \\p without its {",
        "a++          | has a possessive repeat, which is not supported",
        "a\\          | ends too early",
        "^*           | repeats an assertion",
        "a^b          | cannot be satisfied by any answer"
      })
  void namesWhatItDoesNotTake(String pattern, String complaint) {
    ConstraintException refused =
        assertThrows(
            ConstraintException.class,
            () -> answers.compiler().compile(new ConstraintSource.Regex(pattern)));

    assertEquals(complaint, refused.complaint());
  }

  /** The limit of 50 ms is a count of steps, see {@link CompileBudgetTest}; no clock is read. */
  @Test
  @Timeout(60)
  void expressionsMadeToExplodeAreRefusedByTheirDepthOrACountOfStepsOrParts() {
    assertEquals("is nested more than 64 levels deep", complaint("(".repeat(30_000)));
    assertEquals(
        "is nested more than 64 levels deep", complaint("(".repeat(30_000) + ")".repeat(30_000)));
    assertEquals("is too complex to compile", complaint("(a|b)*a(a|b){40}"));
    assertEquals("is too large: it has more than 131072 parts", complaint("((a{100}){100}){100}"));
  }

  /** Whose matching by trying each way would not end. */
  @Test
  @Timeout(60)
  void nestedRepeatsAreFollowedOnceThroughTheText() {
    ConstraintSource nested = new ConstraintSource.Regex("(a+)+$");

    assertTrue(answers.accepts(nested, "a".repeat(2000)));
    assertFalse(answers.accepts(nested, "a".repeat(2000) + "b"));
  }

  private String complaint(String pattern) {
    return assertThrows(
            ConstraintException.class,
            () -> answers.compiler().compile(new ConstraintSource.Regex(pattern)))
        .complaint();
  }
}
