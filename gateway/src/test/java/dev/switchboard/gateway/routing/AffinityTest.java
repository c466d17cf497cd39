package dev.switchboard.gateway.routing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;

class AffinityTest {
  private final PrefixIndex index = new PrefixIndex(1024);

  @Test
  void aMatchIsAsLongAsTheChainIsUnbroken() {
    index.served(chain(7, 10), "w0");
    index.served(chain(7, 4), "w1");
    index.served(chain(8, 10), "w2");

    assertEquals(Map.of("w0", 10, "w1", 4), index.match(chain(7, 20)));
    assertEquals(Map.of("w0", 3, "w1", 3), index.match(chain(7, 3)));
    assertEquals(Map.of(), index.match(chain(9, 5)));
    assertEquals(Map.of(), index.match(new long[0]));
  }

  @Test
  void whatAReplicaNeverHadFromTheStartIsNoMatch() {
    long[] whole = chain(7, 6);
    index.served(whole, "w0");
    index.served(Arrays.copyOfRange(whole, 3, 6), "w1");

    assertEquals(Map.of("w0", 6), index.match(whole));
  }

  @Test
  void aReplicaThatRestartsIsForgotten() {
    index.served(chain(7, 10), "w0");
    index.served(chain(7, 10), "w1");

    index.forget("w0");

    assertEquals(Map.of("w1", 10), index.match(chain(7, 10)));
  }

  @Test
  void whatWasNotUsedForLongGivesWay() {
    index.served(chain(1, 50), "w0");
    for (int i = 0; i < 200; i++) {
      index.served(chain(1000 + i, 50), "w0");
      index.match(chain(1, 50));
    }

    assertTrue(index.match(chain(1, 50)).getOrDefault("w0", 0) > 45);
    assertEquals(Map.of(), index.match(chain(1000, 50)));
  }

  @Test
  void sessionsAreKeptByTenantAndModelAndBounded() {
    Affinity affinity = new Affinity(new RoutingConfig("slo", 0, 2));
    affinity.sent("m", "w0", session("a", "s"));
    affinity.sent("m", "w1", session("b", "s"));

    assertEquals("w0", affinity.enrich(RouteRequest.of("m"), session("a", "s")).sticky());
    assertEquals("w1", affinity.enrich(RouteRequest.of("m"), session("b", "s")).sticky());
    assertNull(affinity.enrich(RouteRequest.of("other"), session("a", "s")).sticky());

    affinity.sent("m", "w2", session("a", "t"));

    assertNull(affinity.enrich(RouteRequest.of("m"), session("a", "s")).sticky());
  }

  @Test
  void aSessionLeavesTheReplicaThatFailedItUnlessItIsElsewhereAlready() {
    Affinity affinity = new Affinity(RoutingConfig.DEFAULTS);
    Affinity.Key key = session("a", "s");
    affinity.failed("m", "w0", "w1", key);
    assertNull(affinity.enrich(RouteRequest.of("m"), key).sticky());

    affinity.sent("m", "w0", key);
    affinity.failed("m", "w2", "w1", key);
    assertEquals("w0", affinity.enrich(RouteRequest.of("m"), key).sticky());
    affinity.failed("m", "w0", "w1", key);
    assertEquals("w1", affinity.enrich(RouteRequest.of("m"), key).sticky());
    affinity.failed("m", "w1", null, key);
    assertNull(affinity.enrich(RouteRequest.of("m"), key).sticky());
  }

  @Test
  void aKnownPromptComesWithItsTokens() {
    Affinity affinity = new Affinity(RoutingConfig.DEFAULTS);
    Affinity.Key key = new Affinity.Key(chain(7, 10), 64, "", null);
    affinity.sent("m", "w0", key);

    assertEquals(Map.of("w0", 640), affinity.enrich(RouteRequest.of("m"), key).prefixTokens());
    affinity.forget("m", "w0");
    assertEquals(Map.of(), affinity.enrich(RouteRequest.of("m"), key).prefixTokens());
  }

  private static Affinity.Key session(String tenant, String name) {
    return new Affinity.Key(new long[0], 64, tenant, name);
  }

  private static long[] chain(long seed, int length) {
    long[] chain = new long[length];
    for (int i = 0; i < length; i++) {
      chain[i] = Scoring.mix(seed * 1_000_003 + i);
    }
    return chain;
  }
}
