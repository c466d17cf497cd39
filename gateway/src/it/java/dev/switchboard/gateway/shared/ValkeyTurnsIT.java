package dev.switchboard.gateway.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.admission.Asker;
import dev.switchboard.gateway.admission.Refusal.Reason;
import dev.switchboard.gateway.admission.Reservation;
import dev.switchboard.gateway.admission.TenantLimits;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import dev.switchboard.timers.VertxTimers;
import io.vertx.core.Vertx;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Clients of two gateways that hold limits in one Valkey: who waits as it is told is let in when it
 * comes, at whichever gateway, and who stays away keeps nobody out.
 */
@Tag("timing")
class ValkeyTurnsIT {
  private static final Vertx VERTX = Vertx.vertx();
  private static final long HOLD_MS = 100;
  private static ValkeyServer valkey;

  private final SplittableRandom random = new SplittableRandom(1);
  private final AtomicInteger admitted = new AtomicInteger();

  @BeforeAll
  static void begin() throws Exception {
    valkey = new ValkeyServer();
  }

  @AfterAll
  static void end() throws Exception {
    VERTX
        .close()
        .toCompletionStage()
        .toCompletableFuture()
        .get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    valkey.close();
  }

  private static List<ValkeyLimits> two(TenantLimits.Limit limit) throws Exception {
    Stopwatch clock = Stopwatch.start();
    List<ValkeyLimits> made = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      ValkeyLimits gateway =
          new ValkeyLimits(
              VERTX,
              new VertxTimers(VERTX),
              new SharedConfig(valkey.url(), 5000, 10, 60_000, 0),
              tenant -> limit,
              () -> 1,
              clock::nanos,
              () -> {});
      gateway
          .ready()
          .toCompletionStage()
          .toCompletableFuture()
          .get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      made.add(gateway);
    }
    return made;
  }

  /** One that asks once and, where it is refused, once more when it was told to. */
  private final class Client {
    private final List<ValkeyLimits> gateways;
    private final String tenant;
    private final Asker asker;
    private final boolean comesBack;
    private volatile @Nullable Reason refused;
    private volatile int toldSeconds;
    private volatile boolean over;
    private volatile boolean served;

    Client(List<ValkeyLimits> gateways, String tenant, Asker asker, boolean comesBack) {
      this.gateways = gateways;
      this.tenant = tenant;
      this.asker = asker;
      this.comesBack = comesBack;
    }

    void ask() {
      ValkeyLimits any = gateways.get(random.nextInt(2));
      any.enter(tenant, new SharedLimits.Ask(10, 1, asker, () -> HOLD_MS * 1_000_000))
          .onSuccess(this::told);
    }

    private void told(SharedLimits.Entry entry) {
      Reservation held = entry.held();
      if (entry.spent() == null) {
        admitted.incrementAndGet();
        served = true;
        over = true;
        VERTX.setTimer(HOLD_MS, late -> held.settle(10, true));
      } else if (refused == null && comesBack) {
        refused = entry.spent();
        toldSeconds = entry.turnSeconds();
        VERTX.setTimer(entry.turnSeconds() * 1000L + 5, late -> ask());
      } else {
        refused = entry.spent();
        over = true;
      }
    }
  }

  private List<Client> arrivals(
      List<ValkeyLimits> gateways, String tenant, int count, long gapMs, boolean comeBack)
      throws Exception {
    List<Client> clients = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Client client = new Client(gateways, tenant, new Asker(i + 1, i), comeBack);
      clients.add(client);
      VERTX.setTimer(1 + i * gapMs, late -> client.ask());
    }
    Await.until("all are over", () -> clients.stream().allMatch(client -> client.over));
    return clients;
  }

  /** What limits ten a second, whichever way. */
  private static TenantLimits.Limit limit(Reason reason) {
    return switch (reason) {
      case TENANT_REQUESTS -> new TenantLimits.Limit(1, 600, 0, 0, Slo.MAX_PRIORITY);
      case TENANT_TOKENS -> new TenantLimits.Limit(1, 0, 6000, 0, Slo.MAX_PRIORITY);
      default -> new TenantLimits.Limit(1, 0, 0, 1, Slo.MAX_PRIORITY);
    };
  }

  @ParameterizedTest
  @EnumSource(names = {"TENANT_REQUESTS", "TENANT_TOKENS", "TENANT_CONCURRENCY"})
  void whoComesBackAsToldIsLetIn(Reason reason) throws Exception {
    List<ValkeyLimits> gateways = two(limit(reason));
    String tenant = "told" + reason;
    if (reason != Reason.TENANT_CONCURRENCY) {
      arrivals(gateways, tenant, 600, 0, false);
    }

    List<Client> clients = arrivals(gateways, tenant, 36, 33, true);

    List<Client> refused = clients.stream().filter(client -> client.refused != null).toList();
    long served = refused.stream().filter(client -> client.served).count();
    assertTrue(refused.size() >= 15, () -> refused.size() + " were refused");
    assertTrue(
        refused.stream().allMatch(client -> client.toldSeconds > 0),
        () ->
            "told no turn: " + refused.stream().filter(client -> client.toldSeconds == 0).count());
    assertTrue(served >= 0.9 * refused.size(), () -> served + " of " + refused.size());
  }

  @Test
  void whoStaysAwayKeepsNobodyOut() throws Exception {
    List<ValkeyLimits> gateways = two(limit(Reason.TENANT_REQUESTS));
    arrivals(gateways, "away", 600, 0, false);
    int before = admitted.get();

    List<Client> clients = arrivals(gateways, "away", 100, 50, false);

    // Ten a second come back, whoever was told a turn.
    long served = clients.stream().filter(client -> client.served).count();
    assertTrue(served >= 45 && served <= 60, () -> served + " of 50");
    assertEquals(served, admitted.get() - before);
  }
}
