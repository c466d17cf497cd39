package dev.switchboard.constraint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GrammarTest {
  private static final String ARITHMETIC =
      """
      # sums of products
      root   ::= sum "\\n"?
      sum    ::= product (("+" | "-") product)*
      product ::= atom
                | atom "*" product   # right recursion
      atom   ::= [0-9]{1,3} | "(" sum ")" | name
      name   ::= [a-z_] [^-+*()\\n0-9]*
      """;

  private final Answers answers = new Answers(TestTokenizer.bytes());

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1+2*3          | true",
        "((1))*abc-999  | true",
        "x y é          | true",
        "1+             | false",
        "1000           | false",
        "(1             | false",
        "a1             | false",
        "''             | false"
      })
  void derivesFromTheRootRule(String text, boolean expected) {
    assertEquals(expected, answers.accepts(new ConstraintSource.Grammar(ARITHMETIC), text));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "root ::= \"a\"{2}            | aa    | a",
        "root ::= \"a\"{2,}           | aaaa  | a",
        "root ::= \"a\"{,2}           | aa    | aaa",
        "root ::= \"a\"{1,2} \"b\"+   | aabb  | b",
        "root ::= [a-c^]*             | a^b   | d",
        "root ::= [^a\\n]             | b     | a",
        "root ::= \"\\x41\\u00e9\\\\\" | Aé\\ | A",
        "root ::= .                   | 日    | ab",
        "root ::= x / y~x ::= \"1\"~y ::= \"2\" / z~ / \"4\"~z ::= \"3\" | 4 | 5"
      })
  void readsTheSyntax(String grammar, String valid, String invalid) {
    ConstraintSource source =
        new ConstraintSource.Grammar(grammar.replace('~', '\n').replace('/', '|'));

    assertTrue(answers.accepts(source, valid), grammar);
    assertFalse(answers.accepts(source, invalid), grammar);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "a ::= \"b\"                  | has no rule root",
        "root ::= b                   | uses the rule b, which it does not define",
        "root ::= root \"a\" / \"b\"  | has in line 1 what begins no item: /",
        "root ::= (\"a\"              | has in line 1 an unmatched (",
        "root ::= \"a                 | has in line 1 no closing \"",
        "root ::= [a                  | has in line 1 no closing ]",
        "root = \"a\"                 | has in line 1 no ::= after the rule's name",
        "root ::= \"a\"{3,1}          | has in line 1 a repeat of at least 3 but at most 1",
        "root ::= \"a\"**             | has in line 1 a repeat of a repeat",
        "root ::= \"\\q\"             | has in line 1 an unknown escape \\q",
        "root ::= [z-a]               | has in line 1 a range that ends before it begins",
        "root ::= \"a\")              | has in line 1 something that does not belong to a rule: )"
      })
  void namesWhatIsWrong(String grammar, String complaint) {
    assertEquals(complaint, complaint(grammar));
  }

  @Test
  void leftRecursionIsRefusedByName() {
    assertEquals("is left-recursive in rule root", complaint("root ::= root \"a\" | \"b\""));
    assertEquals(
        "is left-recursive in rule b",
        complaint("root ::= \"x\" b\nb ::= c \"y\" | \"z\"\nc ::= d? b\nd ::= \"w\""));
    assertEquals("cannot be satisfied by any answer", complaint("root ::= \"a\" root"));
    assertEquals("is nested more than 64 levels deep", complaint("root ::= " + "(".repeat(30_000)));
  }

  @Test
  void aRuleThatRepeatsByCallingItselfLastNeedsNoDepth() {
    ConstraintSource source =
        new ConstraintSource.Grammar("root ::= line | line root\nline ::= [a-z]+ \"\\n\"");

    assertTrue(answers.accepts(source, "ab\n".repeat(500)));
  }

  @Test
  void anAmbiguousGrammarStaysSmall() {
    ConstraintSource source =
        new ConstraintSource.Grammar(
            "root ::= s\ns ::= \"a\" s b? | \"a\" s c? | \"\"\nb ::= \"x\"\nc ::= \"x\"");

    assertTrue(answers.accepts(source, "a".repeat(40) + "x".repeat(30)));
    assertFalse(answers.accepts(source, "a".repeat(3) + "x".repeat(4)));
  }

  @Test
  void aGrammarThatCannotBeBegunInTimeIsRefused() {
    StringBuilder rules = new StringBuilder("root ::= r0\n");
    for (int i = 0; i < 40; i++) {
      rules.append("r%d ::= r%d? r%d?\n".formatted(i, i + 1, i + 1));
    }

    assertEquals("is too ambiguous to follow", complaint(rules + "r40 ::= \"c\""));
  }

  private String complaint(String grammar) {
    return assertThrows(
            ConstraintException.class,
            () -> answers.compiler().compile(new ConstraintSource.Grammar(grammar)))
        .complaint();
  }
}
