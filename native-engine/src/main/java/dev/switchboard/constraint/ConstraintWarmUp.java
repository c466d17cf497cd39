package dev.switchboard.constraint;

import java.util.List;

/**
 * Compiles and follows one constraint of each kind in a JVM that has just begun, so that no client
 * waits while it loads the classes that do so: that makes a first schema several times slower than
 * a second. Any thread that nobody waits for.
 */
public final class ConstraintWarmUp {
  /** Of an answer, drawn at random. */
  private static final int TOKENS = 40;

  private static final int STRIDE = 7919;

  /** Together they have most of what schemas, expressions and grammars are written with. */
  private static final List<ConstraintSource> SAMPLES =
      List.of(
          new ConstraintSource.JsonObject(),
          new ConstraintSource.JsonSchema(
              """
              {"$defs":{"tag":{"type":"string","minLength":1,"maxLength":60}},
               "type":"object","required":["id","kind","count"],"additionalProperties":false,
               "properties":{
                 "id":{"type":"string","pattern":"^[a-z]{2,8}-[0-9]+$"},
                 "day":{"type":"string","format":"date"},
                 "kind":{"enum":["one","two",3,null]},
                 "count":{"type":"integer","minimum":1,"maximum":5000},
                 "share":{"type":"number"},
                 "done":{"type":"boolean"},
                 "tags":{"type":"array","items":{"$ref":"#/$defs/tag"},"maxItems":8},
                 "more":{"anyOf":[{"$ref":"#"},{"type":"array","items":{"$ref":"#"}}]}}}
              """),
          new ConstraintSource.JsonSchema(
              """
              {"type":"array","uniqueItems":true,"minItems":3,
               "items":{"type":"string","maxLength":6}}
              """),
          new ConstraintSource.Regex("([A-Z][a-z]+ ?){1,20}(\\d{4}|n/a)?"),
          new ConstraintSource.Grammar(
              """
              root ::= item ("," item)*
              item ::= [a-z]+ ("=" value)?
              value ::= [0-9]+ | "(" root ")"
              """));

  private ConstraintWarmUp() {}

  /**
   * Nothing of it is kept but what the JVM learnt.
   *
   * @return tokens that were followed
   */
  public static int run(TokenVocabulary vocabulary) {
    for (StringFormat format : StringFormat.values()) {
      format.rule();
    }
    ConstraintCompiler compiler = new ConstraintCompiler(vocabulary);
    int followed = 0;
    for (ConstraintSource sample : SAMPLES) {
      followed += follow(compiler.compile(sample));
    }
    return followed;
  }

  private static int follow(Constraint constraint) {
    Matcher matcher = constraint.matcher();
    long[] mask = new long[constraint.maskWords()];
    int followed = 0;
    while (followed < TOKENS && !matcher.isFinished() && matcher.mask(mask)) {
      matcher.advance(pick(mask, followed * STRIDE));
      followed++;
    }
    return followed;
  }

  /** The first allowed token from one on; some are. */
  private static int pick(long[] mask, int from) {
    int tokens = mask.length * Long.SIZE;
    int token = from % tokens;
    while ((mask[token / Long.SIZE] >>> token & 1) == 0) {
      token = (token + 1) % tokens;
    }
    return token;
  }
}
