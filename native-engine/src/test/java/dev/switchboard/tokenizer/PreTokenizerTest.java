package dev.switchboard.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PreTokenizerTest {
  private static List<String> words(String name, String text) {
    List<String> words = new ArrayList<>();
    PreTokenizer.of(name).split(text, (from, to) -> words.add(text.substring(from, to)));
    return words;
  }

  /** In the expected words, · is a space and ⏎ a newline. */
  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "gpt-2;        I'll go, 12345 x  y⏎⏎z; I|'ll|·go|,|·12345|·x|·|·y|⏎|⏎|z",
        "gpt-2;        I'LL; I|'|LL",
        "smollm;       a 123; a|·|1|2|3",
        "llama-bpe;    I'LL go, 12345 x  y⏎⏎z; I|'LL|·go|,|·|123|45|·x|·|·y|⏎⏎|z",
        "llama-bpe;    (foo) !?⏎⏎ bar; (foo|)|·!?⏎⏎|·bar",
        "qwen2;        a1234 漢字; a|1|2|3|4|·漢字",
        "qwen35;       naïve; naïve",
        "tekken;       HelloWorld ABCdef 12; Hello|World|·ABCdef|·|1|2",
        "gpt-4o;       don't I'VE a/⏎b 1234; don't|·I'VE|·a|/⏎|b|·|123|4",
        "falcon;       a+b 12345; a|+|b|·|123|45",
        "default;      a+b 12345; a|+|b|·|123|45",
        "deepseek-llm; Hi 漢字 12⏎a; Hi|·|漢字|·|12|⏎|a",
        "deepseek-coder; Hi, 漢字 12; Hi|,|·|漢字|·|1|2",
        "deepseek-v3;  .x;  .x",
        "deepseek-v3;  Hi 漢字 1234 .x; Hi|·|漢字|·|123|4|·.|x",
        "bloom;        a, b (c; a|,|·b|·(|c",
        "viking;       a12 b; a|1|2|·b",
        "seed-coder;   a !⏎ b; a|·!|⏎|·b",
      })
  void wordsAreThoseOfTheModelsExpression(String name, String text, String expected) {
    String shown =
        String.join("|", words(name, text.replace('⏎', '\n'))).replace(' ', '·').replace('\n', '⏎');

    assertEquals(expected, shown);
  }

  @Test
  void everyTextIsTheSumOfItsWords() {
    String text =
        "  Hé\u0301llo, WORLD's 12345\r\n\r\n\t x=[1]; 漢字かな 한국어 ไทย 👩‍🚀 … \u00a0\u3000end  ";
    for (String name : PreTokenizer.names()) {
      assertEquals(text, String.join("", words(name, text)), name);
    }
  }

  @Test
  void longRunsAreCutInLinearTime() {
    for (String name : TestVocabularies.PRE_TOKENIZERS) {
      for (String unit : List.of("a", "A", " ", "\n", "\r ", "!", "漢", "1", "'", "\u0301", "aA")) {
        String text = unit.repeat(50_000 / unit.length()) + "x";
        assertTimeout(
            Duration.ofSeconds(2), () -> PreTokenizer.of(name).split(text, (from, to) -> {}), name);
      }
    }
  }
}
