package dev.switchboard.constraint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.constraint.ElementWays.Place;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How many elements may follow, against counting them symbol by symbol. */
class ElementWaysTest {
  private static final int ANSWERS = 12;
  private static final int LONGEST = 40;

  private final TestTokenizer tokenizer = TestTokenizer.bytes();
  private final TokenVocabulary vocabulary = new TokenVocabulary(tokenizer, tokenizer.size());
  private final ConstraintCompiler compiler = new ConstraintCompiler(vocabulary);

  private Constraint set(String items) {
    String schema = "{'type':'array','uniqueItems':true,'items':%s}".formatted(items);
    return compiler.compile(new ConstraintSource.JsonSchema(schema.replace('\'', '"')));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'type':'string'}",
        "{'type':'string','maxLength':1}",
        "{'type':'string','maxLength':500}",
        "{'type':'string','pattern':'^[ab]{0,3}$'}",
        "{'type':'string','pattern':'^[ab]{0,15}$'}",
        "{'type':'string','pattern':'^[ab]{0,16}$'}",
        "{'type':'string','pattern':'^[,\\\\]a]{0,4}$'}",
        "{'type':'string','format':'date'}",
        "{'type':'integer'}",
        "{'type':'integer','minimum':0,'maximum':12}",
        "{'type':'integer','minimum':-70,'maximum':9999}",
        "{'enum':['a','ab','abc',1,10,12,[1,2],null,'\\\\',' ']}",
        "{'type':['boolean','null']}",
        "{'type':'object','properties':{'a':{'type':'boolean'},'b':{'enum':[1,2,3]}}}",
        "{'type':'array','maxItems':2,'items':{'enum':[1,11,'x']}}",
        "{'type':['string','number','boolean','null']}"
      })
  void elementsAreCountedAsSymbolBySymbol(String items) {
    Constraint constraint = set(items);
    Random random = new Random(items.hashCode());
    for (int answer = 0; answer < ANSWERS; answer++) {
      Configuration open = constraint.configurations().next(initial(constraint), '[');
      Place place = new Place(open, 0, false);
      for (int length = 0; place != null && length < LONGEST; length++) {
        assertEquals(
            slowly(constraint.configurations(), place),
            constraint.elementWays().from(place),
            items + " after " + length + " symbols");
        List<Place> next = next(constraint.configurations(), place);
        place = next.isEmpty() ? null : next.get(random.nextInt(next.size()));
      }
    }
  }

  /** A few long values are as many as a few short ones. */
  @Test
  void longValuesAreCounted() {
    String same = "x".repeat(600);
    Constraint constraint = set("{'enum':['a%s1','a%s2','b','c%s']}".formatted(same, same, same));
    Configuration open = constraint.configurations().next(initial(constraint), '[');

    assertEquals(4, constraint.elementWays().from(new Place(open, 0, false)));
  }

  /** Where both that begin so were there before, nothing leads there again. */
  @Test
  void aSetOfLongValuesDoesNotComeToADeadEnd() {
    String same = "x".repeat(600);
    Matcher matcher = set("{'enum':['a%s1','a%s2','b']}".formatted(same, same)).matcher();
    long[] mask = new long[vocabulary.words()];

    for (char symbol : "[\"a%s1\",\"a%s2\",\"".formatted(same, same).toCharArray()) {
      assertTrue(matcher.advance(symbol), matcher.problem());
    }

    assertTrue(matcher.mask(mask), matcher.problem());
    List<Integer> allowed = new ArrayList<>();
    for (int token = 0; token < tokenizer.size(); token++) {
      if ((mask[token / Long.SIZE] >>> token & 1) != 0) {
        allowed.add(token);
      }
    }
    assertEquals(List.of((int) 'b'), allowed);
  }

  private static Configuration initial(Constraint constraint) {
    return constraint.configurations().initial();
  }

  private static List<Place> next(Configurations configurations, Place place) {
    List<Place> next = new ArrayList<>();
    for (int symbol = 0; symbol < Expression.CONTROL; symbol++) {
      if (!JsonScan.endsElement(place.scan(), symbol)) {
        Configuration at = configurations.next(place.at(), symbol);
        if (!at.isDead()) {
          next.add(new Place(at, JsonScan.next(place.scan(), symbol), true));
        }
      }
    }
    return next;
  }

  private static int slowly(Configurations configurations, Place from) {
    Map<Place, Integer> open = Map.of(from, 1);
    long ended = 0;
    while (!open.isEmpty()) {
      Map<Place, Integer> longer = new HashMap<>();
      long more = 0;
      for (Map.Entry<Place, Integer> entry : open.entrySet()) {
        Place place = entry.getKey();
        ended +=
            place.begun() && place.scan() == 0 && mayEnd(configurations, place)
                ? entry.getValue()
                : 0;
        for (Place next : next(configurations, place)) {
          longer.merge(next, entry.getValue(), Integer::sum);
          more += entry.getValue();
        }
      }
      if (ended + more >= ElementWays.WIDE) {
        return ElementWays.WIDE;
      }
      open = longer;
    }
    return (int) ended;
  }

  private static boolean mayEnd(Configurations configurations, Place place) {
    return ",] ".chars().anyMatch(end -> !configurations.next(place.at(), end).isDead());
  }
}
