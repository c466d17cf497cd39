package dev.switchboard.gateway.kubernetes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.kubernetes.ApiObjects.Meta;
import dev.switchboard.gateway.kubernetes.ApiObjects.PodMeta;
import dev.switchboard.gateway.kubernetes.ObjectCache.Verdict;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class ObjectCacheTest {
  private static final long SECOND = 1_000_000_000L;

  private final ObjectCache<PodMeta> ledger = new ObjectCache<>();

  private static PodMeta pod(String name, long revision) {
    return new PodMeta(new Meta(name, "d", name, Long.toString(revision), null, null));
  }

  private Map<String, String> view() {
    Map<String, String> view = new TreeMap<>();
    for (PodMeta each : ledger.objects()) {
      Meta meta = assertNotNullMeta(each);
      view.put(meta.key(), String.valueOf(meta.resourceVersion()));
    }
    return view;
  }

  private static Meta assertNotNullMeta(PodMeta pod) {
    Meta meta = pod.metadata();
    assertNotNull(meta);
    return meta;
  }

  @Test
  void anOlderWordOfAnObjectIsNoNews() {
    assertTrue(ledger.put(pod("a", 5)));

    assertFalse(ledger.put(pod("a", 4)));
    assertFalse(ledger.put(pod("a", 5)));
    assertFalse(ledger.delete(pod("a", 3)));
    assertTrue(ledger.put(pod("a", 6)));
    assertEquals(Map.of("d/a", "6"), view());
  }

  @Test
  void whatWasDeletedDoesNotComeBackByALateWord() {
    ledger.put(pod("a", 5));
    assertTrue(ledger.delete(pod("a", 8)));

    assertFalse(ledger.put(pod("a", 7)));
    assertTrue(ledger.put(pod("a", 9)));
  }

  @Test
  void aDeletionThatComesFirstIsRemembered() {
    assertFalse(ledger.delete(pod("a", 8)));

    assertFalse(ledger.put(pod("a", 7)));
    assertNull(ledger.get("d/a"));
  }

  @Test
  void anOlderListIsRefusedUntilItIsTheOnlyOneForLong() {
    ledger.replace(List.of(pod("a", 5), pod("b", 6)), 50, 0);

    assertEquals(Verdict.OLDER, ledger.replace(List.of(pod("a", 5)), 49, SECOND));
    assertEquals(2, ledger.size());
    assertEquals(
        Verdict.TAKEN, ledger.replace(List.of(pod("a", 5)), 49, SECOND + ObjectCache.OLDER_NANOS));
    assertEquals(49, ledger.revision());
  }

  @Test
  void aListThatLacksMostOfWhatIsKnownIsLookedAtTwice() {
    ledger.replace(List.of(pod("a", 5), pod("b", 6), pod("c", 7)), 50, 0);

    assertEquals(Verdict.DOUBTED, ledger.replace(List.of(pod("a", 5)), 60, SECOND));
    assertEquals(Verdict.DOUBTED, ledger.replace(List.of(), 61, 2 * SECOND));
    assertEquals(3, ledger.size());
    assertEquals(Verdict.TAKEN, ledger.replace(List.of(pod("a", 5)), 62, 4 * SECOND));
    assertEquals(1, ledger.size());
  }

  @Test
  void aDoubtIsOverWhenAListIsWhole() {
    List<PodMeta> all = List.of(pod("a", 5), pod("b", 6));
    ledger.replace(all, 50, 0);
    ledger.replace(List.of(), 60, SECOND);
    ledger.replace(all, 61, 3 * SECOND);

    assertEquals(Verdict.DOUBTED, ledger.replace(List.of(), 62, 100 * SECOND));
  }

  @Test
  void aListOfSlicesThatLostTheirEndpointsIsDoubtedToo() {
    ObjectCache<ApiObjects.Slice> slices = new ObjectCache<>();
    slices.replace(List.of(slice(1, 3)), 1, 0);

    assertEquals(Verdict.DOUBTED, slices.replace(List.of(slice(2, 0)), 2, SECOND));
  }

  private static ApiObjects.Slice slice(long revision, int endpoints) {
    ApiObjects.SliceEndpoint one = new ApiObjects.SliceEndpoint(null, null, null, null, null);
    return new ApiObjects.Slice(
        new Meta("s", "d", null, Long.toString(revision), null, null),
        "IPv4",
        Collections.nCopies(endpoints, one),
        null);
  }

  /** Events that come twice and in any order lead to what the server has. */
  @Test
  void anyOrderOfTheSameEventsLeadsToTheSame() {
    for (long seed = 0; seed < 300; seed++) {
      Random random = new Random(seed);
      ObjectCache<PodMeta> view = new ObjectCache<>();
      Map<String, Long> truth = new HashMap<>();
      List<Runnable> events = new ArrayList<>();
      for (long revision = 1; revision <= 60; revision++) {
        String name = "p" + random.nextInt(6);
        PodMeta pod = pod(name, revision);
        if (random.nextInt(3) == 0) {
          truth.remove(name);
          events.add(() -> view.delete(pod));
        } else {
          truth.put(name, revision);
          events.add(() -> view.put(pod));
        }
      }
      List<Runnable> twice = new ArrayList<>(events);
      twice.addAll(events.subList(0, 20));
      Collections.shuffle(twice, random);

      twice.forEach(Runnable::run);

      Map<String, Long> seen = new HashMap<>();
      view.objects()
          .forEach(
              pod -> {
                Meta meta = assertNotNullMeta(pod);
                seen.put(
                    String.valueOf(meta.name()),
                    ObjectCache.number(String.valueOf(meta.resourceVersion())));
              });
      assertEquals(truth, seen, "seed " + seed);
    }
  }
}
