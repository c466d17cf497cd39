package dev.switchboard.constraint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Masks over tokens of several bytes, and what is kept of them. */
class MaskTest {
  private static final String TREE =
      "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"n\":{\"type\":\"integer\"},"
          + "\"next\":{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}]}}}";

  private final TestTokenizer tokenizer = TestTokenizer.pieces();
  private final TokenVocabulary vocabulary = new TokenVocabulary(tokenizer, tokenizer.size());
  private final ConstraintCompiler compiler = new ConstraintCompiler(vocabulary);
  private final long[] mask = new long[vocabulary.words()];

  private boolean allows(int token) {
    return (mask[token / Long.SIZE] >>> token & 1) != 0;
  }

  private Matcher after(ConstraintSource source, List<Integer> tokens) {
    Matcher matcher = compiler.compile(source).matcher();
    tokens.forEach(token -> assertTrue(matcher.advance(token)));
    return matcher;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        TREE,
        "true",
        "{\"type\":\"string\",\"minLength\":2,\"maxLength\":5}",
        "{\"type\":\"string\",\"pattern\":\"^[aé日]*$\"}",
        "{\"type\":\"array\",\"items\":{\"enum\":[\"a\",\"ab\",\"abc\",1,10,12]}}",
        "{\"uniqueItems\":true,\"minItems\":4,\"items\":{\"enum\":[\"a\",\"ab\",\"abc\",1,10,12]}}",
        "{\"uniqueItems\":true,\"minItems\":4,\"items\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":12}}",
        "{\"uniqueItems\":true,\"minItems\":4,\"items\":{\"type\":\"string\",\"pattern\":\"^[ab]{0,2}$\"}}",
        "{\"uniqueItems\":true,\"minItems\":9,\"items\":{\"uniqueItems\":true,\"maxItems\":2,"
            + "\"items\":{\"type\":\"integer\"}}}",
        "{\"uniqueItems\":true,\"minItems\":4,\"items\":{\"type\":\"integer\"},"
            + "\"contains\":{\"enum\":[7,8]},\"maxItems\":5}",
        "{\"uniqueItems\":true}"
      })
  void aMaskAllowsExactlyTheTokensThatTheMatcherTakes(String schema) {
    ConstraintSource source = new ConstraintSource.JsonSchema(schema);
    Random random = new Random(schema.hashCode());
    List<Integer> tokens = new ArrayList<>();

    for (int step = 0; step < 60; step++) {
      Matcher matcher = after(source, tokens);
      if (matcher.isFinished()) {
        tokens.clear();
        continue;
      }
      assertTrue(matcher.mask(mask), matcher.problem());
      List<Integer> allowed = new ArrayList<>();
      for (int token = 0; token < tokenizer.size(); token++) {
        assertEquals(allows(token), after(source, tokens).advance(token), tokenizer.piece(token));
        if (allows(token) && token != tokenizer.end()) {
          allowed.add(token);
        }
      }
      tokens.add(allowed.get(random.nextInt(allowed.size())));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"type\":\"string\"}",
        "{\"type\":\"string\",\"maxLength\":90}",
        "{\"type\":\"string\",\"minLength\":70,\"maxLength\":75}",
        "{\"type\":\"string\",\"pattern\":\"^[a-z ]{0,50}[A-Z0-9]*$\"}",
        "{\"type\":\"string\",\"pattern\":\"^([a-zé日]+[ ,.]){1,50}$\"}",
        "{\"type\":\"string\",\"pattern\":\"^(a{3}|b{1,4}[xyz]+)c{0,5}$\"}",
        "{\"type\":\"string\",\"pattern\":\"^[a-z]{1,6}(-[a-z]{1,6})?$\"}",
        "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":5}}",
        "{\"type\":\"string\",\"format\":\"email\"}",
        "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\",\"maxLength\":40}}"
      })
  void plainTextTakenWholeIsWhatTheMatcherTakesTokenByToken(String schema) {
    TestTokenizer many = TestTokenizer.many(4000, schema.length());
    TokenVocabulary large = new TokenVocabulary(many, many.size());
    Constraint constraint =
        new ConstraintCompiler(large).compile(new ConstraintSource.JsonSchema(schema));
    Random random = new Random(7);

    for (int answer = 0; answer < 2; answer++) {
      Configuration at = constraint.configurations().initial();
      for (int step = 0; step < 20 && at.states.length > 0; step++) {
        List<Configuration> next = requireExact(constraint, many, at);
        at = next.get(random.nextInt(next.size()));
      }
    }
  }

  /** Holds a mask to what the automaton takes; returns where each allowed token leads. */
  private static List<Configuration> requireExact(
      Constraint constraint, TestTokenizer tokens, Configuration at) {
    TokenVocabulary vocabulary = constraint.vocabulary();
    long[] allowed = new long[vocabulary.words()];
    constraint.after(at).copyTo(allowed);
    List<Configuration> next = new ArrayList<>();
    for (int token = 0; token < tokens.size(); token++) {
      Configuration after = at;
      for (int i = 0; i < vocabulary.length(token); i++) {
        after = constraint.configurations().next(after, vocabulary.symbol(token, i));
      }
      boolean fits = vocabulary.length(token) > 0 && !after.isDead();
      assertEquals(fits, (allowed[token / 64] >>> token & 1) != 0, tokens.piece(token));
      if (fits) {
        next.add(after);
      }
    }
    return next;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a",
        "é",
        "日",
        "😀",
        "\\n",
        "\\u00e9",
        "\\ud83d\\ude00",
        "aé\\u00e9日\\ud83d\\ude00\\\""
      })
  void masksAreExactUpToWhereTheCharactersOfAStringRunOut(String characters) {
    String schema = "{\"type\":\"string\",\"minLength\":36,\"maxLength\":38}";

    String taken = exactWhileItFits(new ConstraintSource.JsonSchema(schema), "\"", characters);

    assertEquals(38, unescaped(taken).codePointCount(1, unescaped(taken).length()));
  }

  private static String unescaped(String json) {
    return json.replace("\\ud83d\\ude00", "😀")
        .replace("\\u00e9", "é")
        .replace("\\n", "n")
        .replace("\\\"", "q");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      value = {
        "{`items`:{`type`:`string`,`maxLength`:3},`maxItems`:37} ~ [`aé ~ `,`aé",
        "{`$defs`:{`s`:{`type`:`string`,`minLength`:2,`maxLength`:34}},`items`:{`$ref`:`#/$defs/s`},`minItems`:35,`maxItems`:37}"
            + " ~ [`日ab ~ `,`日ab",
        "{`pattern`:`^([a-z]+[ ,]){1,37}$`} ~ `ab ~ ,ab",
        "{`pattern`:`^[a-zé]*$`,`minLength`:34,`maxLength`:37} ~ `a ~ é",
        "{`type`:`array`,`maxItems`:2,`items`:{`items`:{`const`:1},`maxItems`:36}} ~ [[1 ~ ,1",
        "{`items`:{`pattern`:`^([A-Z][a-z]{1,5}-){1,9}$`}} ~ [`Abc-De- ~ Abcde-",
        "{`items`:{`format`:`email`}} ~ [`a ~ b1.c-",
        "{`items`:{`format`:`email`}} ~ [`a@ ~ b-1a",
        "{`items`:{`format`:`email`}} ~ [`a.b@c ~ .de-f"
      })
  void masksAreExactUpToWhereACountRunsOut(String schema, String start, String more) {
    String source = schema.strip().replace('`', '"');

    String taken =
        exactWhileItFits(
            new ConstraintSource.JsonSchema(source),
            start.strip().replace('`', '"'),
            more.strip().replace('`', '"'));

    assertTrue(taken.length() > 36, taken);
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "é", "aé\\n"})
  void masksAreExactWhereTheLongestTokensMeetTheEndOfACount(String characters) {
    String letters = "a".repeat(40);
    TestTokenizer tokens =
        TestTokenizer.of(
            "\"",
            "a",
            "é",
            "\\n",
            letters,
            letters.substring(7),
            letters.substring(1) + "\"",
            letters.substring(8) + "\\n",
            "é".repeat(20),
            "é".repeat(19) + "a\"",
            "a\\né".repeat(8),
            "a\\né".repeat(7) + "a\"");
    for (String bounds : List.of("\"maxLength\":61", "\"minLength\":58,\"maxLength\":61")) {
      String schema = "{\"type\":\"string\"," + bounds + "}";

      String taken =
          exactWhileItFits(tokens, new ConstraintSource.JsonSchema(schema), "\"", characters);

      assertEquals(61, unescaped(taken).codePointCount(1, unescaped(taken).length()));
    }
  }

  private static String exactWhileItFits(ConstraintSource source, String start, String more) {
    return exactWhileItFits(TestTokenizer.many(1000, more.length()), source, start, more);
  }

  /** Compares the mask at each byte of an answer that repeats itself; returns what of it fits. */
  private static String exactWhileItFits(
      TestTokenizer many, ConstraintSource source, String start, String more) {
    TokenVocabulary large = new TokenVocabulary(many, many.size());
    assertTrue(large.longTrie().nodes() > 0);
    Constraint constraint = new ConstraintCompiler(large).compile(source);
    byte[] text = (start + more.repeat(80)).getBytes(StandardCharsets.UTF_8);
    Configuration at = constraint.configurations().initial();
    int taken = 0;
    while (!at.isDead()) {
      requireExact(constraint, many, at);
      at = constraint.configurations().next(at, text[taken++] & 0xff);
    }
    return new String(text, 0, taken - 1, StandardCharsets.UTF_8);
  }

  @Test
  void aRuleThatMayEndOnTheWayLeavesLongerTokensToItsCaller() {
    TestTokenizer many = TestTokenizer.many(2000, 3);
    TokenVocabulary large = new TokenVocabulary(many, many.size());
    String grammar =
        "root ::= word [a-zA-Z0-9]{0,13} \"!\"\nword ::= [a-zA-Z] ([a-zA-Z]{3} \"!\")?";
    Constraint constraint =
        new ConstraintCompiler(large).compile(new ConstraintSource.Grammar(grammar));

    Configuration at = constraint.configurations().initial();
    for (int step = 0; step < 14; step++) {
      requireExact(constraint, many, at);
      at = constraint.configurations().next(at, 'a');
    }

    assertFalse(at.isDead());
  }

  @Test
  void blocksOfTokensAreAddedAsEachOfTheirTokensIs() {
    TokenTrie.Builder builder = new TokenTrie.Builder();
    builder.node('a', 0);
    int tokens = 10_000;
    for (int i = 0; i < tokens; i++) {
      builder.token(i * 7919 % tokens);
    }
    TokenTrie trie = builder.build();
    trie.keepBlocks((tokens + 63) / 64);
    Random random = new Random(1);
    for (int round = 0; round < 200; round++) {
      int begin = random.nextInt(tokens + 1);
      int end = begin + random.nextInt(tokens + 1 - begin);
      long[] expected = new long[(tokens + 63) / 64];
      for (int i = begin; i < end; i++) {
        expected[trie.token(i) / 64] |= 1L << trie.token(i);
      }

      long[] added = new long[expected.length];
      trie.addTo(added, begin, end);

      assertArrayEquals(expected, added, begin + " to " + end);
    }
  }

  @Test
  void aMaskIsFoundElsewhereAndOnlyAskedForOnce() {
    List<Runnable> later = new ArrayList<>();
    Constraint constraint =
        new ConstraintCompiler(vocabulary, later::add)
            .compile(new ConstraintSource.JsonSchema("{\"type\":\"string\",\"maxLength\":500}"));
    Matcher matcher = constraint.matcher();
    Matcher other = constraint.matcher();

    assertFalse(matcher.isMaskReady());
    assertFalse(matcher.isMaskReady());
    assertFalse(other.isMaskReady());
    assertEquals(1, later.size());
    later.getFirst().run();

    assertTrue(matcher.isMaskReady());
    assertTrue(other.isMaskReady());
    assertTrue(matcher.mask(mask));
    assertTrue(allows('"'));
    assertFalse(allows('a'));
    assertTrue(matcher.advance('"'));
    assertFalse(matcher.isMaskReady());
    assertTrue(matcher.mask(mask), "who does not wait finds it himself");
    assertTrue(allows('a'));
  }

  @Test
  void aTokenMayEndInsideACharacterAndTheNextEndIt() {
    ConstraintSource source = new ConstraintSource.JsonSchema("{\"const\":\"日\"}");
    int begin = tokenizer.tokenId("\"");
    Matcher matcher = after(source, List.of(begin));
    int half = 0;
    for (int token = 256; token < tokenizer.size(); token++) {
      half =
          tokenizer.bytes(token).length == 2 && tokenizer.bytes(token)[0] == (byte) 0xe6
              ? token
              : half;
    }

    assertTrue(matcher.advance(half));
    matcher.mask(mask);

    assertTrue(allows(0xa5));
    assertTrue(allows(half + 1), "the token of the last byte and the quote");
    assertFalse(allows(begin));
    assertTrue(matcher.advance(half + 1));
    assertTrue(matcher.isFinished());
  }

  @Test
  void aTextIsWholeWhereverItsTokensEnd() {
    Constraint constraint = compiler.compile(new ConstraintSource.Regex("(é日)+!"));

    assertTrue(constraint.isWhole("é日!"));
    assertTrue(constraint.isWhole("é日".repeat(500) + "!"));
    assertFalse(constraint.isWhole(""));
    assertFalse(constraint.isWhole("é日"));
    assertFalse(constraint.isWhole("é日!é"), "behind the end");
    assertFalse(constraint.isWhole("é日é!é日!"));
  }

  @Test
  void controlTokensAreAllowedOnlyWhereTheyAreNamed() {
    ConstraintSource call =
        new ConstraintSource.After(
            new ConstraintSource.ControlToken("<call>"), new ConstraintSource.Text("ab"), false);
    Matcher named = compiler.compile(call).matcher();
    Matcher other = compiler.compile(new ConstraintSource.JsonObject()).matcher();

    assertTrue(named.advance(tokenizer.tokenId("the")));
    assertTrue(named.mask(mask));
    assertTrue(allows(tokenizer.call()));
    assertFalse(allows(tokenizer.end()));
    assertTrue(named.advance(tokenizer.call()));
    assertTrue(named.advance(tokenizer.tokenId("ab")));
    assertTrue(named.isFinished());
    assertTrue(other.mask(mask));
    assertFalse(allows(tokenizer.call()));
    assertThrows(
        ConstraintException.class,
        () -> compiler.compile(new ConstraintSource.ControlToken("<other>")));
  }

  @Test
  void aTriggerIsFoundWhereverItBegins() {
    ConstraintSource tagged =
        new ConstraintSource.After(
            new ConstraintSource.Text("<a<b>"),
            new ConstraintSource.Sequence(
                List.of(
                    new ConstraintSource.Choice(
                        List.of(
                            new ConstraintSource.Text("x"),
                            new ConstraintSource.Repeat(new ConstraintSource.Text("y"), 2, -1))),
                    new ConstraintSource.Text("!"))),
            true);
    Answers bytes = new Answers(TestTokenizer.bytes());

    assertTrue(bytes.accepts(tagged, "free text, <a <a<a even"));
    assertTrue(bytes.accepts(tagged, "so <a<a<b>x!"));
    assertTrue(bytes.accepts(tagged, "<a<b>yyy!"));
    assertFalse(bytes.accepts(tagged, "<a<b>"));
    assertFalse(bytes.accepts(tagged, "<a<b>y!"));
    assertFalse(bytes.accepts(tagged, "<a<b>x! more"));
  }

  @Test
  void whereNoTokenFollowsTheMatcherSaysSo() {
    TestTokenizer few = TestTokenizer.of("a", "ab");
    Answers answers = new Answers(few);
    Matcher matcher = answers.compiler().compile(new ConstraintSource.Regex("ac")).matcher();
    long[] allowed = new long[1];

    assertTrue(matcher.mask(allowed));
    assertTrue(matcher.advance(0));
    assertFalse(matcher.mask(allowed));

    assertEquals(
        "no token of the vocabulary continues the answer under its constraint", matcher.problem());
    assertFalse(matcher.advance(1));
    assertFalse(matcher.advance(few.end()));
  }

  @Test
  void compiledConstraintsAreSharedAndBounded() {
    ConstraintSource kept = new ConstraintSource.Regex("kept");
    Constraint first = compiler.compile(kept);

    for (int i = 0; i < 10_000; i++) {
      compiler.compile(new ConstraintSource.Regex("a" + i));
      if (i % 50 == 0) {
        assertEquals(first, compiler.compile(new ConstraintSource.Regex("kept")));
      }
    }

    assertEquals(ConstraintCompiler.MOST_KEPT, compiler.size());
    assertEquals(null, compiler.known(new ConstraintSource.Regex("a0")));
  }

  @Test
  void answersGoOnWhenWhatWasLearntIsDropped() {
    Automaton automaton = JsonRules.automaton(vocabulary.symbols());
    Configurations small = new Configurations(automaton, 100_000);
    String text = "{\"a\":" + "[{\"b\":".repeat(20) + "1" + "}]".repeat(20) + "}";

    Configuration at = small.initial();
    for (int i = 0; i < text.length(); i++) {
      int before = small.generation();
      small.charge(i % 7 == 0 ? 100_001 : 0);
      small.trim();
      at = before == small.generation() ? at : small.adopt(at);
      at = small.next(at, text.charAt(i));
      assertFalse(at.isDead(), text.substring(0, i + 1));
    }

    assertTrue(at.complete);
    assertTrue(small.generation() > 10);
  }

  @Test
  void steadyMasksTakeNoMemory() {
    ConstraintSource source = new ConstraintSource.JsonSchema(TREE);
    List<Integer> tokens = new ArrayList<>();
    for (String piece : List.of("{\"", "name", "\":\"", "the", "a", "日", "\"}")) {
      tokens.add(tokenizer.tokenId(piece));
    }
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    Matcher[] matchers = new Matcher[2000];
    Constraint constraint = compiler.compile(source);
    for (int i = 0; i < matchers.length; i++) {
      matchers[i] = constraint.matcher();
    }
    follow(matchers[0], tokens);

    long before = threads.getCurrentThreadAllocatedBytes();
    for (Matcher matcher : matchers) {
      follow(matcher, tokens);
    }
    long taken = threads.getCurrentThreadAllocatedBytes() - before;

    assertTrue(taken < 20_000, taken + " bytes for " + matchers.length * tokens.size() + " masks");
  }

  private void follow(Matcher matcher, List<Integer> tokens) {
    for (int i = 0; i < tokens.size(); i++) {
      if (!matcher.isFinished()) {
        matcher.mask(mask);
        matcher.advance(tokens.get(i));
      }
    }
  }
}
