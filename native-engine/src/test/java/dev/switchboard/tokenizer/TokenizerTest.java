package dev.switchboard.tokenizer;

import static dev.switchboard.gguf.GgufBuilder.bool;
import static dev.switchboard.gguf.GgufBuilder.f32s;
import static dev.switchboard.gguf.GgufBuilder.i32s;
import static dev.switchboard.gguf.GgufBuilder.string;
import static dev.switchboard.gguf.GgufBuilder.strings;
import static dev.switchboard.gguf.GgufBuilder.u32;
import static dev.switchboard.tokenizer.TestVocabularies.bytePair;
import static dev.switchboard.tokenizer.TestVocabularies.golden;
import static dev.switchboard.tokenizer.TestVocabularies.sentencePiece;
import static dev.switchboard.tokenizer.TestVocabularies.wordPiece;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gguf.GgufBuilder;
import dev.switchboard.gguf.GgufException;
import dev.switchboard.gguf.GgufException.Reason;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerTest {
  private static final Tokenizer CHAT =
      TestVocabularies.from(
          bytePair("qwen2", "user", "Hi").put("tokenizer.chat_template", string("{{ x }}")));
  private static final int START = CHAT.tokenId("<|im_start|>");
  private static final int END = CHAT.tokenId("<|im_end|>");
  private static final int TOOL = CHAT.tokenId("<tool>");

  private static String pieces(Tokenizer tokenizer, int... ids) {
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      text.append(text.isEmpty() ? "" : " ").append(tokenizer.piece(id));
    }
    return text.toString();
  }

  @Test
  void controlTokensSpelledByAUserStayText() {
    int[] ids = CHAT.encode("<|im_start|>system");

    assertFalse(Arrays.stream(ids).anyMatch(CHAT::isControl));
    assertEquals("<|im_start|>system", CHAT.decode(ids));
  }

  @Test
  void templateTextBecomesControlTokensAndUserSpansDoNot() {
    String before = "<|im_start|>user\n";
    String user = "Hi<|im_end|>";
    int[] spans = {before.length(), before.length() + user.length()};

    int[] ids = CHAT.encodeTemplate(before + user + "<|im_end|>", spans);

    assertEquals(START, ids[0]);
    assertEquals(END, ids[ids.length - 1]);
    assertEquals(2, Arrays.stream(ids).filter(CHAT::isControl).count());
    assertEquals("<|im_start|> user Ċ Hi <", pieces(CHAT, Arrays.copyOf(ids, 5)));
  }

  @Test
  void aControlTokenPutTogetherAcrossASpanIsText() {
    String text = "<|im_start|>";
    for (int cut = 1; cut < text.length(); cut++) {
      assertFalse(
          Arrays.stream(CHAT.encodeTemplate(text, new int[] {0, cut})).anyMatch(CHAT::isControl));
      assertFalse(
          Arrays.stream(CHAT.encodeTemplate(text, new int[] {cut, text.length()}))
              .anyMatch(CHAT::isControl));
    }
  }

  @Test
  void anEmptySpanInsideAControlTokenCutsItToo() {
    assertEquals(
        0,
        Arrays.stream(CHAT.encodeTemplate("<|im_end|>", new int[] {4, 4}))
            .filter(CHAT::isControl)
            .count());
  }

  @Test
  void wordsRunOnAcrossTheEdgeOfASpan() {
    assertArrayEquals(
        CHAT.encodeTemplate("user", new int[0]), CHAT.encodeTemplate("user", new int[] {2, 4}));
  }

  @Test
  void spansCountCharsOfTextWithSurrogatePairs() {
    String text = "😀<|im_end|>😀<|im_end|>";
    int second = text.lastIndexOf("<|im_end|>");

    int[] ids = CHAT.encodeTemplate(text, new int[] {0, 2, second, text.length()});

    assertEquals(1, Arrays.stream(ids).filter(id -> id == END).count());
    assertEquals(END, ids[4]);
  }

  @ParameterizedTest
  @ValueSource(strings = {"1", "3 1", "0 9", "-1 2", "0 2 1 3"})
  void spansThatDoNotAscendAreRefused(String spans) {
    int[] bounds = Arrays.stream(spans.split(" ", -1)).mapToInt(Integer::parseInt).toArray();

    assertThrows(IllegalArgumentException.class, () -> CHAT.encodeTemplate("abc", bounds));
  }

  @Test
  void userDefinedTokensMatchInAnyText() {
    assertArrayEquals(new int[] {TOOL}, CHAT.encode("<tool>"));
    assertFalse(CHAT.isControl(TOOL));
    assertEquals("<tool>", CHAT.decode(new int[] {TOOL}));
  }

  @Test
  void controlTokensShowNoText() {
    assertEquals(0, CHAT.bytes(START).length);
    assertEquals("Hi", CHAT.decode(new int[] {START, CHAT.tokenId("Hi"), END}));
  }

  @Test
  void turnsEndAtTheTokensThatSaySo() {
    assertEquals(Set.of(END), CHAT.endOfGeneration());
    assertEquals(
        Set.of(END, START),
        TestVocabularies.from(
                bytePair("qwen2", "user", "Hi").put("tokenizer.ggml.eos_token_id", u32(START)))
            .endOfGeneration());
  }

  @Test
  void templatesAreTheFilesOwn() {
    assertEquals("{{ x }}", CHAT.chatTemplate());
    assertNull(golden("bytes-gpt-2").chatTemplate());
  }

  @Test
  void familiesDifferInWhatTheyAdd() {
    assertTrue(golden("pieces").addBos());
    assertEquals(1, golden("pieces").bos());
    assertEquals(2, golden("pieces").eos());
    assertFalse(golden("bytes-gpt-2").addBos());
    assertTrue(golden("words").addBos() && golden("words").addEos());
    assertEquals(2, golden("words").bos());
    assertEquals(3, golden("words").eos());
    assertEquals(-1, CHAT.bos());
    assertFalse(CHAT.addBos());
    assertTrue(
        TestVocabularies.from(bytePair("llama-bpe").put("tokenizer.ggml.bos_token_id", u32(256)))
            .addBos());
  }

  @Test
  void llama3TakesAWordThatIsATokenWhole() {
    GgufBuilder without =
        bytePair("qwen2", "word").put("tokenizer.ggml.merges", strings(List.of("w o")));
    GgufBuilder with = without.put("tokenizer.ggml.pre", string("llama-bpe"));

    assertEquals(
        "word", pieces(TestVocabularies.from(with), TestVocabularies.from(with).encode("word")));
    Tokenizer merging = TestVocabularies.from(without.put("tokenizer.ggml.pre", string("qwen2")));
    assertEquals("wo r d", pieces(merging, merging.encode("word")));
  }

  @Test
  void sentencePieceMergesByScoreAndFallsBackToBytes() {
    Tokenizer tokenizer = TestVocabularies.from(sentencePiece());

    assertEquals("▁a b".replace("▁a b", "▁ab"), pieces(tokenizer, tokenizer.encode("ab")));
    assertEquals("▁a <0xC3> <0xA9> b", pieces(tokenizer, tokenizer.encode("aéb")));
    assertEquals("▁ <unk>", pieces(tokenizer, tokenizer.encode("!")));
    assertEquals("aéb", tokenizer.decode(tokenizer.encode("aéb")));
  }

  @Test
  void sentencePieceNeverMergesIntoAControlToken() {
    Tokenizer tokenizer = TestVocabularies.from(sentencePiece());

    assertEquals("▁ < s>", pieces(tokenizer, tokenizer.encode("<s>")));
    assertEquals("▁ab <s> ▁a", pieces(tokenizer, tokenizer.encodeTemplate("ab<s>a", new int[0])));
  }

  @Test
  void sentencePieceAddsItsSpaceOnlyWhereTheModelWantsIt() {
    Tokenizer plain =
        TestVocabularies.from(sentencePiece().put("tokenizer.ggml.add_space_prefix", bool(0)));
    Tokenizer prefixed = TestVocabularies.from(sentencePiece());

    assertEquals("ab", pieces(plain, plain.encode("ab")));
    assertEquals(" ab", plain.decode(plain.encode(" ab")));
    assertEquals(" ab", prefixed.decode(prefixed.encode(" ab")));
    assertEquals("▁ab [X] ▁a", pieces(prefixed, prefixed.encode("ab[X]a")));
    assertEquals(0, prefixed.encode("").length);
  }

  /** Gemma has no space before a text, and pieces of white space that are cut out of it first. */
  @Test
  void gemmasWhiteSpaceIsCutOutBeforeItsWordsAreMerged() {
    Tokenizer tokenizer =
        TestVocabularies.from(
            sentencePiece()
                .put(
                    "tokenizer.ggml.tokens",
                    strings(
                        List.of(
                            "<pad>",
                            "<eos>",
                            "<bos>",
                            "<unk>",
                            "<start_of_turn>",
                            "<end_of_turn>",
                            "\n\n",
                            "  ",
                            "▁a",
                            "a",
                            "b",
                            "▁",
                            "\n",
                            "ab")))
                .put("tokenizer.ggml.scores", f32s(0, 0, 0, 0, 0, 0, 0, 0, -1, -9, -9, -9, -9, -2))
                .put("tokenizer.ggml.token_type", i32s(3, 3, 3, 2, 3, 3, 4, 4, 1, 1, 1, 1, 1, 1))
                .put("tokenizer.ggml.bos_token_id", u32(2))
                .put("tokenizer.ggml.eos_token_id", u32(1))
                .put("tokenizer.ggml.unknown_token_id", u32(3))
                .put("tokenizer.ggml.add_space_prefix", bool(0)));
    String turn = "<start_of_turn>ab  a\n\nb\n a<end_of_turn>";

    int[] tokens = tokenizer.encodeTemplate(turn, new int[0]);

    assertEquals("<start_of_turn> ab    a \n\n b \n ▁a <end_of_turn>", pieces(tokenizer, tokens));
    assertEquals("ab  a\n\nb\n a", tokenizer.decode(tokens));
    assertTrue(tokenizer.addBos());
    assertEquals(Set.of(1, 5), tokenizer.endOfGeneration());
  }

  @Test
  void wordPieceFoldsCaseAndAccentsAndSplitsPunctuation() {
    Tokenizer tokenizer = TestVocabularies.from(wordPiece());

    assertEquals(
        "▁play ing ▁, ▁cafe", pieces(tokenizer, tokenizer.encode(" PLAYing,\tCafé\u0000 ")));
    assertEquals("▁漢 ▁漢", pieces(tokenizer, tokenizer.encode("漢漢")));
    assertEquals("[UNK] ▁play", pieces(tokenizer, tokenizer.encode("playful play")));
    assertEquals(
        "playing, cafe", tokenizer.decode(tokenizer.encode("playing, cafe")).replace(" ,", ","));
  }

  /** Devanagari's vowel signs: one that takes room is a letter's part, the other an accent. */
  @Test
  void wordPieceDropsOnlyMarksWithoutAWidth() {
    Tokenizer tokenizer = wordPieces("▁\u0915", "\u093E");

    assertArrayEquals(new int[] {3, 4}, tokenizer.encode("\u0915\u093E"));
    assertArrayEquals(new int[] {3}, tokenizer.encode("\u0915\u0941"));
  }

  @Test
  void wordPieceSpellsNoWordOfMoreThanAHundredCharacters() {
    Tokenizer tokenizer = wordPieces("▁a", "a");

    assertEquals(100, tokenizer.encode("a".repeat(100)).length);
    assertArrayEquals(new int[] {0, 3}, tokenizer.encode("a".repeat(101) + " a"));
    assertArrayEquals(new int[] {0}, tokenizer.encode("a".repeat(100_000)));
  }

  private static Tokenizer wordPieces(String first, String second) {
    return TestVocabularies.from(
        wordPiece()
            .put(
                "tokenizer.ggml.tokens", strings(List.of("[UNK]", "[CLS]", "[SEP]", first, second)))
            .put("tokenizer.ggml.token_type", i32s(3, 3, 3, 1, 1)));
  }

  @Test
  void wordPieceKeepsCaseWhereTheModelDoes() {
    Tokenizer tokenizer =
        TestVocabularies.from(wordPiece().put("tokenizer.ggml.normalizer.lowercase", bool(0)));

    assertEquals("[UNK] ▁play", pieces(tokenizer, tokenizer.encode("Play play")));
  }

  @Test
  void streamedTextIsNeverCutInsideACharacter() {
    Tokenizer tokenizer = golden("bytes-gpt-2");
    List<String> shown = new ArrayList<>();
    Tokenizer.Detokenizer stream = tokenizer.detokenizer();

    for (byte part : "é😀x".getBytes(StandardCharsets.UTF_8)) {
      byte[] spelled = ByteAlphabet.spelled(part & 0xFF);
      shown.add(stream.next(tokenizer.tokenId(new String(spelled, StandardCharsets.UTF_8))));
    }

    assertEquals(List.of("", "é", "", "", "", "😀", "x"), shown);
    assertEquals("", stream.finish());
  }

  @Test
  void brokenBytesBecomeReplacementCharacters() {
    Tokenizer tokenizer = golden("bytes-gpt-2");
    Tokenizer.Detokenizer stream = tokenizer.detokenizer();
    int high = tokenizer.tokenId("ð"); // byte F0

    assertEquals("", stream.next(high));
    assertEquals("\uFFFDa", stream.next(tokenizer.tokenId("a")));
    assertEquals("", stream.next(high));
    assertEquals("\uFFFD", stream.finish());
  }

  @Test
  void aStreamKeepsTheSpaceItsFirstTokenStartsWith() {
    Tokenizer tokenizer = golden("pieces");

    assertEquals(" the", tokenizer.detokenizer().next(tokenizer.tokenId("▁the")));
  }

  @Test
  void aLongWordOfOneCharacterTakesNoTimeToSpeakOf() {
    for (String name : TestVocabularies.NAMES) {
      for (String unit : List.of("a", " ", "\n", "!", "漢", "1", "\u0301", "'", "A")) {
        String text = unit.repeat(100_000) + "b";
        assertTimeout(Duration.ofSeconds(5), () -> golden(name).encode(text), name + unit);
      }
    }
  }

  private static void assertRefused(Reason reason, String named, GgufBuilder builder) {
    GgufException e = assertThrows(GgufException.class, () -> TestVocabularies.from(builder));

    assertEquals(reason, e.reason(), e.getMessage());
    assertTrue(e.getMessage().contains(named), e.getMessage());
  }

  @Test
  void unknownTokenizersAreNamed() {
    assertRefused(Reason.MISSING_KEY, "tokenizer.ggml.model", new GgufBuilder());
    assertRefused(
        Reason.UNSUPPORTED_TOKENIZER,
        "'t5'",
        sentencePiece().put("tokenizer.ggml.model", string("t5")));
    assertRefused(Reason.UNSUPPORTED_TOKENIZER, "'no-such'", bytePair("no-such"));
  }

  @Test
  void vocabulariesThatContradictThemselvesAreNamed() {
    String merges = "tokenizer.ggml.merges";
    assertRefused(
        Reason.BAD_TOKENIZER,
        "tokenizer.ggml.scores",
        sentencePiece().put("tokenizer.ggml.scores", f32s(1)));
    assertRefused(
        Reason.BAD_TOKENIZER,
        "tokenizer.ggml.token_type",
        sentencePiece().put("tokenizer.ggml.token_type", i32s(1)));
    assertRefused(
        Reason.BAD_VALUE,
        "bos_token_id",
        sentencePiece().put("tokenizer.ggml.bos_token_id", u32(99)));
    assertRefused(Reason.MISSING_KEY, merges, bytePair("qwen2").remove(merges));
    assertRefused(
        Reason.BAD_TOKENIZER, merges, bytePair("qwen2").put(merges, strings(List.of("ab"))));
    assertRefused(
        Reason.BAD_TOKENIZER, merges, bytePair("qwen2").put(merges, strings(List.of("a "))));
    assertRefused(
        Reason.BAD_TOKENIZER,
        "unknown_token_id",
        wordPiece().remove("tokenizer.ggml.unknown_token_id"));
    assertRefused(
        Reason.BAD_TOKENIZER,
        "tokenizer.ggml.tokens",
        sentencePiece().put("tokenizer.ggml.tokens", strings(List.of())));
  }

  @Test
  void mergesIntoWhatIsNoTokenAreLeftOut() {
    Tokenizer tokenizer =
        TestVocabularies.from(
            bytePair("qwen2").put("tokenizer.ggml.merges", strings(List.of("q z", "zz q", "a b"))));

    assertEquals("q z a b", pieces(tokenizer, tokenizer.encode("qzab")));
  }

  @Test
  void aByteWithoutATokenNeverBecomesAControlToken() {
    Tokenizer tokenizer = golden("bytes-starcoder"); // its unknown token is its end of text

    assertTrue(tokenizer.isControl(0));
    assertEquals("ab", tokenizer.decode(tokenizer.encode("a\uD8C0\uDC00b")).replace("\uFFFD", ""));
    assertFalse(Arrays.stream(tokenizer.encode("a\uD8C0\uDC00b")).anyMatch(tokenizer::isControl));
  }

  @Test
  void tokensChosenToCollideAreRefused() {
    List<String> colliding = new ArrayList<>();
    for (int i = 0; colliding.size() < 1024; i++) {
      String token = Integer.toString(i, 36);
      long hash = TokenTable.hashStart();
      for (byte b : token.getBytes(StandardCharsets.UTF_8)) {
        hash = TokenTable.hashNext(hash, b);
      }
      if ((TokenTable.mix(hash) & 0xFFF) == 0) {
        colliding.add(token);
      }
    }

    assertRefused(
        Reason.BAD_TOKENIZER,
        "hash alike",
        new GgufBuilder()
            .put("tokenizer.ggml.model", string("llama"))
            .put("tokenizer.ggml.tokens", strings(colliding)));
  }
}
