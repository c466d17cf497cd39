package dev.switchboard.gateway.flight;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is found by columns is what every entry's facts say. */
class FlightRingTest {
  private static final int ENTRIES = 4000;
  private static final int MOST = 1300;
  private static final int QUERIES = 400;

  /** The first two have one hash. */
  private static final List<String> TEXTS = List.of("Aa", "BB", "c", "d");

  private final FlightRing ring = new FlightRing();
  private final Deque<FlightEntry> there = new ArrayDeque<>();

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void aListHasThoseThatItsFiltersWant(long seed) {
    RandomGenerator random = RandomGeneratorFactory.of("Xoshiro256PlusPlus").create(seed);
    fill(random);
    int found = 0;

    for (int i = 0; i < QUERIES; i++) {
      FlightQuery query = query(random);
      List<Long> wanted = wanted(query);
      found += wanted.size();
      assertEquals(wanted, numbers(ring.view().wanted(query)), query::toString);
    }

    assertTrue(found > QUERIES, () -> "hardly anything was wanted");
  }

  /** Some are removed meanwhile, and of some it is known later for what they waited. */
  private void fill(RandomGenerator random) {
    for (int i = 1; i <= ENTRIES; i++) {
      FlightRecord record = new Flight("r" + i, () -> 1).finish(Outcome.OK, 200, null);
      FlightEntry entry = new FlightEntry(record, false, ring);
      entry.number = i;
      entry.become(facts(random, entry.facts(), List.of()));
      ring.add(entry);
      there.addFirst(entry);
      if (random.nextInt(3) == 0) {
        entry.become(entry.facts().waited(List.of(text(random))));
      }
      while (ring.holdsMoreThan(MOST, Long.MAX_VALUE)) {
        assertEquals(there.removeLast().number, ring.removeOldest().number);
      }
    }
    assertEquals(MOST, ring.size());
    assertEquals(there.stream().mapToLong(FlightEntry::weight).sum(), ring.bytes());
  }

  private static FlightFacts facts(RandomGenerator random, FlightFacts of, List<String> ranks) {
    return new FlightFacts(
        of.id(),
        text(random),
        text(random),
        text(random),
        random.nextBoolean() ? Outcome.OK : Outcome.SHED,
        random.nextBoolean() ? 200 : 429,
        random.nextBoolean() ? List.of() : List.of(text(random), text(random)),
        random.nextLong(100),
        200,
        random.nextLong(5) * 1_000_000,
        random.nextBoolean(),
        random.nextBoolean() ? null : text(random),
        ranks);
  }

  private static FlightQuery query(RandomGenerator random) {
    return new FlightQuery(
        some(random),
        some(random),
        some(random),
        random.nextInt(4) == 0 ? Outcome.SHED : null,
        random.nextInt(4) == 0 ? 429 : 0,
        some(random),
        random.nextLong(3),
        random.nextInt(4) == 0,
        some(random),
        some(random),
        random.nextLong(50),
        50 + random.nextLong(60),
        random.nextInt(4) == 0 ? random.nextLong(ENTRIES) : Long.MAX_VALUE,
        10);
  }

  private static String text(RandomGenerator random) {
    return TEXTS.get(random.nextInt(TEXTS.size()));
  }

  private static @Nullable String some(RandomGenerator random) {
    return random.nextInt(4) == 0 ? text(random) : null;
  }

  private List<Long> wanted(FlightQuery query) {
    return there.stream()
        .filter(entry -> entry.number < query.before() && query.wants(entry.facts()))
        .map(entry -> entry.number)
        .toList();
  }

  private static List<Long> numbers(Iterator<FlightEntry> found) {
    List<Long> numbers = new ArrayList<>();
    found.forEachRemaining(entry -> numbers.add(entry.number));
    return numbers;
  }
}
