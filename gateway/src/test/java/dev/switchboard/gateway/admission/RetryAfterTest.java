package dev.switchboard.gateway.admission;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.admission.Refusal.Reason;
import dev.switchboard.gateway.routing.Prompt;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Clients that wait exactly as they are told and come again once, in virtual time. */
class RetryAfterTest {
  private static final long MS = 1_000_000L;
  private static final long SECOND = 1000 * MS;
  private static final long NEVER = Long.MAX_VALUE;
  private static final double SERVICE_MS = 200;
  private static final int PLACES = 4;

  private static final Admission.Waiter NOBODY =
      new Admission.Waiter() {
        @Override
        public void admitted() {}

        @Override
        public void refused(Refusal refusal) {}
      };

  /** What happens at a moment, in the order of being planned. */
  private record Event(long at, long number, Runnable action) {}

  private final PriorityQueue<Event> events =
      new PriorityQueue<>(Comparator.comparingLong(Event::at).thenComparingLong(Event::number));
  private long now;
  private long number;
  private boolean sameBody;
  private int deadlineMs;
  private int maxInFlight = 4096;
  private SplittableRandom random = new SplittableRandom(0);
  private final List<Client> clients = new ArrayList<>();
  private final Map<String, TenantLimits.Limit> limits = new HashMap<>();
  private Admission admission = admission(1024);

  private Admission admission(int queueRequests) {
    Admission made =
        new Admission(
            new AdmissionConfig(maxInFlight, queueRequests, 64 << 20, 60_000, PLACES, 50, 1),
            tenant -> limits.getOrDefault(tenant, TenantLimits.Limit.NONE),
            model ->
                new WaitPredictor() {
                  @Override
                  public long ttftNanos(Demand demand, long nowNanos) {
                    return 20 * MS;
                  }

                  @Override
                  public long endNanos(Demand demand, long nowNanos) {
                    return (long) (SERVICE_MS * MS);
                  }
                },
            random::nextDouble);
    made.queue("m").replica("r", true, 0, false, true, 0);
    return made;
  }

  private void at(long when, Runnable action) {
    events.add(new Event(when, number++, action));
  }

  private void run() {
    while (!events.isEmpty()) {
      Event next = events.remove();
      now = next.at;
      next.action.run();
    }
  }

  private double exponential(double mean) {
    return -Math.log(1 - random.nextDouble()) * mean;
  }

  /** One that asks at random moments for a while, as a share of what the places can do. */
  private void arrivals(String tenant, Band band, int ttftMs, double load, int seconds) {
    double gapMs = SERVICE_MS / PLACES / load;
    for (double ms = exponential(gapMs); ms < seconds * 1000.0; ms += exponential(gapMs)) {
      long when = (long) (ms * MS);
      at(when, () -> new Client(tenant, band, ttftMs).ask());
    }
  }

  private final class Client implements Admission.Waiter {
    private final String tenant;
    private final Band band;
    private final int ttftMs;
    private final long key = sameBody ? 1 : clients.size() + 1;
    private final long first = now;
    private Admission.@Nullable Pass pass;
    private @Nullable Reason refused;
    private @Nullable Reason refusedAgain;
    private int toldSeconds;
    private long beginsAt = -1;

    Client(String tenant, Band band, int ttftMs) {
      this.tenant = tenant;
      this.band = band;
      this.ttftMs = ttftMs;
      clients.add(this);
    }

    void ask() {
      long deadline = deadlineMs == 0 ? NEVER : now + deadlineMs * MS;
      Demand demand =
          Demands.by(
              new Asker(key, tenant.hashCode()),
              Demands.of(tenant, band, now, ttftMs, 0, deadline, Prompt.of(50), 50, 100));
      Admission.Answer answer = admission.enter("m", demand, this, now);
      pass = answer.pass();
      if (answer.refusal() != null) {
        refused(answer.refusal());
      } else if (!answer.waits()) {
        admitted();
      } else {
        tickLater();
      }
    }

    private void tickLater() {
      at(
          now + 5 * MS,
          () -> {
            admission.tick(now);
            if (pass != null && beginsAt < 0) {
              tickLater();
            }
          });
    }

    @Override
    public void admitted() {
      beginsAt = now;
      Admission.Pass held = pass;
      long service = (long) (exponential(SERVICE_MS) * MS);
      at(
          now,
          () -> {
            Admission.Pass own = held == null ? pass : held;
            if (own != null) {
              own.routed("r", false, now);
            }
          });
      at(now + service, this::ends);
    }

    private void ends() {
      if (pass != null) {
        pass.close(100, now);
        pass = null;
      }
    }

    @Override
    public void refused(Refusal refusal) {
      if (pass != null) {
        pass.close(-1, now);
        pass = null;
      }
      if (refused == null) {
        refused = refusal.reason();
        toldSeconds = refusal.retryAfterSeconds();
        at(now + toldSeconds * SECOND + MS, this::ask);
      } else {
        refusedAgain = refusal.reason();
      }
    }

    double waitedSeconds() {
      return (beginsAt - first) / 1e9;
    }
  }

  /** Of those that were refused for each reason the share that was served when they came back. */
  private Map<Reason, Double> cameBackWell() {
    Map<Reason, int[]> counts = new EnumMap<>(Reason.class);
    for (Client client : clients) {
      if (client.refused != null) {
        int[] count = counts.computeIfAbsent(client.refused, reason -> new int[2]);
        count[0]++;
        count[1] += client.refusedAgain == null && client.beginsAt >= 0 ? 1 : 0;
      }
    }
    Map<Reason, Double> shares = new EnumMap<>(Reason.class);
    counts.forEach((reason, count) -> shares.put(reason, (double) count[1] / count[0]));
    return shares;
  }

  private long count(Reason reason) {
    return clients.stream().filter(client -> client.refused == reason).count();
  }

  private void mostCameBackWell(Reason reason, int least) {
    assertTrue(count(reason) >= least, () -> count(reason) + " were refused for " + reason);
    double share = cameBackWell().getOrDefault(reason, 0.0);
    assertTrue(share >= 0.9, () -> share + " of " + count(reason) + " for " + reason);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void batchesThatFindTheQueueFullHaveTheTurnThatTheyAreTold(long seed) {
    random = new SplittableRandom(seed);
    admission = admission(40);
    arrivals("people", Band.NORMAL, 0, 0.5, 60);
    arrivals("batches", Band.SHEDDABLE, 0, 2, 60);

    run();

    mostCameBackWell(Reason.QUEUE_FULL, 200);
    List<Client> told =
        clients.stream().filter(c -> c.refused == Reason.QUEUE_FULL && c.beginsAt >= 0).toList();
    double medianTold = median(told.stream().map(c -> (double) c.toldSeconds).toList());
    double medianReal = median(told.stream().map(Client::waitedSeconds).toList());
    assertTrue(
        medianTold < 1.3 * medianReal && medianTold > medianReal / 1.3,
        () -> "told " + medianTold + " s, waited " + medianReal + " s");
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void andWhereAllAskTheSame(long seed) {
    random = new SplittableRandom(seed);
    sameBody = true;
    admission = admission(40);
    arrivals("people", Band.NORMAL, 0, 0.5, 60);
    arrivals("batches", Band.SHEDDABLE, 0, 2, 60);

    run();

    mostCameBackWell(Reason.QUEUE_FULL, 200);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void whoeverHasADeadlineIsToldWhenItCanBeMet(long seed) {
    random = new SplittableRandom(seed);
    deadlineMs = 500;
    arrivals("people", Band.NORMAL, 0, 1.6, 40);

    run();

    mostCameBackWell(Reason.DEADLINE, 50);
  }

  private static double median(List<Double> values) {
    return values.stream().sorted().skip(values.size() / 2).findFirst().orElse(Double.NaN);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void peopleWhoseTargetCannotBeMetAreToldWhenItCan(long seed) {
    random = new SplittableRandom(seed);
    admission = admission(1024);
    arrivals("people", Band.NORMAL, 300, 1.6, 40);

    run();

    mostCameBackWell(Reason.TTFT, 50);
  }

  static List<Arguments> limitsOfTenants() {
    List<Arguments> cases = new ArrayList<>();
    for (long seed = 1; seed <= 5; seed++) {
      cases.add(of(seed, Reason.TENANT_REQUESTS, 0.4, new TenantLimits.Limit(1, 120, 0, 0, 100)));
      cases.add(of(seed, Reason.TENANT_TOKENS, 0.4, new TenantLimits.Limit(1, 0, 12_000, 0, 100)));
      cases.add(of(seed, Reason.TENANT_CONCURRENCY, 0.8, new TenantLimits.Limit(1, 0, 0, 2, 100)));
      cases.add(of(seed, Reason.TENANT_CONCURRENCY, 0.4, new TenantLimits.Limit(1, 0, 0, 1, 100)));
    }
    return cases;
  }

  private static Arguments of(long seed, Reason reason, double load, TenantLimits.Limit limit) {
    return Arguments.of(seed, reason, load, limit);
  }

  @ParameterizedTest
  @MethodSource("limitsOfTenants")
  void aTenantsLimitIsSharedAmongThoseWhoComeBack(
      long seed, Reason reason, double load, TenantLimits.Limit limit) {
    random = new SplittableRandom(seed);
    limits.put("limited", limit);
    admission = admission(1024);
    arrivals("limited", Band.NORMAL, 0, load, 60);

    run();

    mostCameBackWell(reason, 100);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void whoFindsTheGatewayFullHasTheTurnThatIsTold(long seed) {
    random = new SplittableRandom(seed);
    maxInFlight = 12;
    admission = admission(1024);
    arrivals("people", Band.NORMAL, 0, 1.6, 40);

    run();

    mostCameBackWell(Reason.IN_FLIGHT, 100);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void oneThatAsksAllTheTimeDoesNotLengthenTheTimesOfOthersOfItsTenant(long seed) {
    random = new SplittableRandom(seed);
    limits.put("shared", new TenantLimits.Limit(1, 60, 0, 0, 100));
    admission = admission(1024);
    int[] admitted = new int[1];
    for (int i = 0; i < 120 * 50; i++) {
      at(i * 20L * MS, () -> admitted[0] += hammer("shared"));
    }
    arrivals("shared", Band.NORMAL, 0, 0.02, 120);

    run();

    long others = clients.stream().filter(client -> client.beginsAt >= 0).count();
    mostCameBackWell(Reason.TENANT_REQUESTS, 20);
    List<Double> told =
        clients.stream().filter(c -> c.refused != null).map(c -> (double) c.toldSeconds).toList();
    assertTrue(told.stream().allMatch(seconds -> seconds <= 30), told::toString);
    // A full bucket, two minutes of refill, and what may be owed.
    assertTrue(admitted[0] + others <= 60 + 130 + 10, () -> admitted[0] + " + " + others);
  }

  /** Asks once, for nobody who waits for it. */
  private int hammer(String tenant) {
    Demand plain = Demands.of(tenant, Band.NORMAL, now, 0, 0, NEVER, Prompt.of(50), 50, 100);
    Demand demand = Demands.by(new Asker(-1, -1), plain);
    Admission.Pass in = admission.enter("m", demand, NOBODY, now).pass();
    if (in == null) {
      return 0;
    }
    in.routed("r", false, now);
    at(now + MS, () -> in.close(100, now));
    return 1;
  }
}
