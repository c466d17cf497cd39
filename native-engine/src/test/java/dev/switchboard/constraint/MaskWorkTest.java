package dev.switchboard.constraint;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.bench.SyntheticVocabulary;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * How many of a large vocabulary's symbols are followed for a mask, which is what a mask costs.
 * Answers, vocabulary and so the counts are the same in every run; the bounds are a tenth above
 * them.
 */
class MaskWorkTest {
  private static final SyntheticVocabulary TOKENS = new SyntheticVocabulary(128_000);
  private static final TokenVocabulary VOCABULARY = new TokenVocabulary(TOKENS, TOKENS.size());
  private static final int DRAWN = 400;
  private static final int LONGEST_ANSWER = 100;
  private static final String PERSON =
      "{'type':'object','properties':{'name':{'type':'string'},'email':{'type':'string',"
          + "'format':'email'},'age':{'type':'integer','minimum':0,'maximum':150},"
          + "'role':{'enum':['admin','editor','viewer']},"
          + "'tags':{'type':'array','items':{'type':'string','maxLength':40}},"
          + "'friends':{'type':'array','items':{'$ref':'#'}}},"
          + "'required':['name','age','role','tags'],'additionalProperties':false}";

  private static final String SUMS =
      """
      root ::= product (("+" | "-") product)*
      product ::= atom ("*" atom)*
      atom ::= [0-9]+ | "(" root ")" | [a-z]+
      """;

  /**
   * @param mean symbols followed for a token of {@link #DRAWN}
   * @param most symbols followed for one mask
   */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "json_object | 22 | 2050",
        "person | 276 | 11800",
        "{'type':'string'} | 5 | 1820",
        "{'type':'string','maxLength':500} | 215 | 31900",
        "{'type':'string','format':'email'} | 212 | 8770",
        "{'type':'string','format':'uri'} | 36 | 10680",
        "{'type':'string','format':'hostname'} | 53 | 2050",
        "{'type':'string','format':'date-time'} | 63 | 1540",
        "([A-Za-z]+[ ,.]){1,200} | 4 | 920",
        "([A-Z][a-z]{1,9} ){2,30}[0-9]{4} | 9420 | 182500",
        "{'pattern':'^[a-z ]{10,90}[A-Z]+$'} | 8140 | 268400",
        "{'items':{'type':'string','minLength':5,'maxLength':70},'maxItems':9} | 875 | 31900",
        "grammar | 1040 | 276900",
      })
  void aMaskLooksAtASmallPartOfTheVocabulary(String name, long mean, long most) {
    Constraint constraint = new ConstraintCompiler(VOCABULARY).compile(source(name));
    long[] mask = new long[VOCABULARY.words()];
    Random random = new Random(1);
    Matcher matcher = constraint.matcher();
    long worst = 0;
    for (int drawn = 0, length = 0; drawn < DRAWN; drawn++, length++) {
      if (matcher.isFinished() || length == LONGEST_ANSWER) {
        matcher = constraint.matcher();
        length = 0;
      }
      long before = constraint.followed();
      assertTrue(matcher.mask(mask), matcher.problem());
      worst = Math.max(worst, constraint.followed() - before);
      assertTrue(matcher.advance(pick(mask, random)));
    }

    long found = constraint.followed() / DRAWN;
    System.out.printf("symbols followed for a token of %s: %d, at most %d%n", name, found, worst);
    assertTrue(found <= mean, found + " symbols for a token");
    assertTrue(worst <= most, worst + " symbols for a mask");
  }

  /**
   * The thread that follows answers looks for how many elements may still come of a set's next one.
   *
   * @param mean symbols followed there for a token of {@link #DRAWN}
   */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'type':'string'} | 25",
        "{'type':'string','maxLength':500} | 127",
        "{'type':'string','format':'email'} | 21",
        "{'type':'integer','maximum':9999} | 13",
        "{'enum':['admin','editor','viewer','guest']} | 32",
      })
  void whatMayComeOfASetsElementIsFoundInAFewSymbols(String items, long mean) {
    Constraint constraint =
        new ConstraintCompiler(VOCABULARY)
            .compile(source("{'type':'array','uniqueItems':true,'items':%s}".formatted(items)));
    long[] mask = new long[VOCABULARY.words()];
    Random random = new Random(1);
    Matcher matcher = constraint.matcher();
    for (int drawn = 0, length = 0; drawn < DRAWN; drawn++, length++) {
      if (matcher.isFinished() || length == LONGEST_ANSWER) {
        matcher = constraint.matcher();
        length = 0;
      }
      assertTrue(matcher.mask(mask), matcher.problem());
      assertTrue(matcher.advance(pick(mask, random)));
    }

    long followed = constraint.configurations().followed() / DRAWN;
    System.out.printf("symbols followed for a token of a set of %s: %d%n", items, followed);
    assertTrue(followed <= mean, followed + " symbols for a token");
  }

  private static ConstraintSource source(String name) {
    return switch (name) {
      case "json_object" -> new ConstraintSource.JsonObject();
      case "grammar" -> new ConstraintSource.Grammar(SUMS);
      case "person" -> new ConstraintSource.JsonSchema(PERSON.replace('\'', '"'));
      default ->
          name.startsWith("{")
              ? new ConstraintSource.JsonSchema(name.replace('\'', '"'))
              : new ConstraintSource.Regex(name);
    };
  }

  /** The first allowed token from a random one on. */
  private static int pick(long[] mask, Random random) {
    int tokens = mask.length * Long.SIZE;
    int token = random.nextInt(tokens);
    while ((mask[token / Long.SIZE] >>> token & 1) == 0) {
      token = (token + 1) % tokens;
    }
    return token;
  }
}
