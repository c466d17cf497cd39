package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.constraint.ConstraintCompiler;
import dev.switchboard.constraint.ConstraintSource;
import dev.switchboard.constraint.TokenVocabulary;
import dev.switchboard.scheduler.GenerationListener.TokenLogprobs;
import dev.switchboard.toolcall.ToolFormat;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TextAssemblyTest {
  private final ByteTokenizer tokenizer = new ByteTokenizer(false);

  private TextAssembly assembly(String... stops) {
    return new TextAssembly(tokenizer.detokenizer(), List.of(stops), true, null, null);
  }

  private TextAssembly held(ConstraintSource to, String... stops) {
    TokenVocabulary vocabulary = new TokenVocabulary(tokenizer, ByteTokenizer.SIZE);
    return new TextAssembly(
        tokenizer.detokenizer(),
        List.of(stops),
        false,
        null,
        new ConstraintCompiler(vocabulary).compile(to));
  }

  private TextAssembly calling(boolean demanded, String... stops) {
    OfferedTools tools = new OfferedTools(ToolFormat.HERMES, Set.of("add"), true, demanded, false);
    return new TextAssembly(tokenizer.detokenizer(), List.of(stops), false, tools, null);
  }

  private static boolean feed(TextAssembly assembly, String text) {
    for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
      if (assembly.token(b & 0xff, scored(b & 0xff))) {
        return true;
      }
    }
    return false;
  }

  private static TokenLogprobs scored(int token) {
    return new TokenLogprobs(token, -1f, new int[0], new float[0]);
  }

  private static List<Integer> offsets(List<TextAssembly.PlacedToken> tokens) {
    return tokens.stream().map(TextAssembly.PlacedToken::offset).toList();
  }

  @Test
  void aCharacterAppearsWithItsLastToken() {
    TextAssembly assembly = assembly();

    assembly.token(0xc3, scored(0xc3));
    String half = assembly.takeText();
    assembly.token(0xa9, scored(0xa9));

    assertEquals("", half);
    assertEquals("é", assembly.takeText());
  }

  @Test
  void offsetsCountCodePoints() {
    TextAssembly assembly = assembly();

    feed(assembly, "a😀b");
    assembly.finish();

    assertEquals(List.of(0, 1, 1, 1, 1, 2), offsets(assembly.takeTokens()));
  }

  @Test
  void aStopStringAcrossMultiByteCharactersIsCut() {
    TextAssembly assembly = assembly("é→");

    assertTrue(feed(assembly, "café→x"));
    assembly.finish();

    assertEquals("caf", assembly.takeText());
    assertEquals(List.of(0, 1, 2), offsets(assembly.takeTokens()));
  }

  @Test
  void tokensWaitForTheirText() {
    TextAssembly assembly = assembly("END");

    feed(assembly, "aE");
    List<TextAssembly.PlacedToken> early = assembly.takeTokens();
    feed(assembly, "x");

    assertEquals(List.of(0), offsets(early));
    assertEquals(List.of(1, 2), offsets(assembly.takeTokens()));
    assertEquals("aEx", assembly.takeText());
  }

  @Test
  void anUnfinishedCharacterBecomesAReplacementAtTheEnd() {
    TextAssembly assembly = assembly();

    assembly.token('a', scored('a'));
    assembly.token(0xe2, scored(0xe2));
    assembly.finish();

    assertEquals("a\ufffd", assembly.takeText());
    assertEquals(List.of(0, 1), offsets(assembly.takeTokens()));
  }

  @Test
  void anEchoedPromptIsNotSearchedForStops() {
    TextAssembly assembly = assembly("END");

    assembly.echo("the END of ", List.of());
    boolean stopped = feed(assembly, "it");

    assertFalse(stopped);
    assertEquals("the END of it", assembly.takeText());
    assertEquals(List.of(11, 12), offsets(assembly.takeTokens()));
  }

  @Test
  void whatWasTakenIsGone() {
    TextAssembly assembly = assembly();

    feed(assembly, "ab");
    assembly.takeText();
    assembly.takeTokens();

    assertTrue(assembly.isEmpty());
    assertEquals(0, assembly.pendingBytes());
  }

  @Test
  void heldBackTextComesOutAtTheEndWithItsTokens() {
    TextAssembly assembly = assembly("END");

    feed(assembly, "EN");
    assembly.finish();

    assertEquals("EN", assembly.takeText());
    assertEquals(2, assembly.takeTokens().size());
  }

  @ParameterizedTest
  @CsvSource({
    // The expression, what the model says under it, the stop string, and whether it cuts it short.
    "abcd,      abcd,   c,   true",
    "ab(cd)?,   abcd,   c,   false",
    "ab(cd)?,   abcd,   d,   true",
    "ab(cd)?,   abcd,   bc,  true",
    "é?→,       é→,     →,   true",
    "é(→)?,     é→,     →,   false",
    "(xENy)*,   xENy,   END, false",
    "(xEN)*D?,  xEND,   END, true",
    "(xEN)*D?,  xENxEND, D,  false"
  })
  void aCutAnswerIsWholeWhereItsConstraintSaysSo(
      String expression, String said, String stop, boolean cutShort) {
    TextAssembly assembly = held(new ConstraintSource.Regex(expression), stop);

    feed(assembly, said);
    assembly.finish();

    assertEquals(cutShort, assembly.isCutShort());
  }

  @ParameterizedTest
  @CsvSource({
    "}, true, true",
    "'{\"name', true, true",
    "call>, true, false",
    "/tool, false, false",
    "after, false, false",
  })
  void aCutAnswerOfCallsIsWholeWithWholeCalls(
      String stop, boolean demandedIsCutShort, boolean freeIsCutShort) {
    String said = "<tool_call>\n{\"name\": \"add\", \"arguments\": {}}\n</tool_call>\nafter";
    TextAssembly demanded = calling(true, stop);
    TextAssembly free = calling(false, stop);

    feed(demanded, said);
    demanded.finish();
    feed(free, said);
    free.finish();

    assertEquals(demandedIsCutShort, demanded.isCutShort());
    assertEquals(freeIsCutShort, free.isCutShort());
  }

  @Test
  void behindTheOnlyCallNothingIsCutShort() {
    OfferedTools tools = new OfferedTools(ToolFormat.HERMES, Set.of("add"), false, false, false);
    String end = "}</tool_call><tool_call>{\"";
    TextAssembly assembly =
        new TextAssembly(
            tokenizer.detokenizer(), List.of(end + "never", "\"x"), false, tools, null);

    // What may become the first stop string is held back and comes with the second call's begin.
    feed(assembly, "<tool_call>{\"name\": \"add\", \"arguments\": {}" + end + "x");
    assembly.finish();

    assertTrue(assembly.called());
    assertFalse(assembly.isCutShort());
    assertFalse(assembly.isBroken());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "say; true; false",
        "say <tool_; true; false",
        "say <tool_call> so; true; false",
        "<tool_call>; true; true",
        "<tool_call>{\"na; true; true",
        "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\"; true; true",
        "<tool_call>{\"name\": \"add\", \"arguments\": {}}; false; false",
        "<tool_call>{\"name\": \"add\", \"arguments\": {}}</tool_call> so; true; false",
        "<tool_call>{\"name\": \"add\", \"arguments\": {}}</tool_call><tool_call>{; true; true"
      })
  void tokensThatRanOutEndInsideACallOrNot(String said, boolean ofDemanded, boolean ofFree) {
    TextAssembly demanded = calling(true);
    TextAssembly free = calling(false);

    for (TextAssembly assembly : List.of(demanded, free)) {
      feed(assembly, said);
      assembly.finish();
    }

    assertEquals(ofDemanded, demanded.isUnfinished());
    assertEquals(ofFree, free.isUnfinished());
  }

  @Test
  void withoutAConstraintNothingIsCutShort() {
    TextAssembly assembly = assembly("END");

    feed(assembly, "the END");
    assembly.finish();

    assertFalse(assembly.isCutShort());
  }
}
