package dev.switchboard.gateway.identity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class QuotasTest {
  private static final long NOON = Instant.parse("2026-11-29T12:00:00Z").toEpochMilli();
  private static final long HOUR_MS = 3_600_000;

  private final UsageMeter meter = new UsageMeter();
  private final Quotas quotas = meter.quotas();

  @BeforeEach
  void limit() {
    quotas.tenants(
        List.of(
            new Tenant("daily", 1, 0, 0, 0, 100, 0, 100, 0),
            new Tenant("monthly", 1, 0, 0, 0, 0, 100, 100, 0),
            Tenant.unlimited("free")));
  }

  @Test
  void aDaysTokensAreSpentUntilMidnight() {
    meter.add("daily", NOON, 60, 60, 39);
    assertNull(quotas.exhausted("daily", NOON));

    meter.add("daily", NOON, 1, 0, 0);

    int rest = 12 * 3600;
    assertEquals(
        new Quotas.Exhausted("day", 100, 100, 0, 0, rest, rest), quotas.exhausted("daily", NOON));
    assertNull(quotas.exhausted("daily", NOON + 12 * HOUR_MS));
  }

  @Test
  void whatIsUsedHeldAndLeftIsToldAndWhenItRenews() {
    meter.add("daily", NOON, 30, 0, 9);
    Quotas.Hold held = held("daily", 21);

    assertEquals(
        List.of(new Quotas.Standing("day", 100, 39, 21, NOON + 12 * HOUR_MS)),
        quotas.standings("daily", NOON));
    assertEquals(40, quotas.standings("daily", NOON).getFirst().left());
    held.release();
    assertEquals(61, quotas.standings("daily", NOON).getFirst().left());
    assertEquals(0, quotas.standings("daily", NOON + 12 * HOUR_MS).getFirst().used());
    assertEquals(
        List.of(new Quotas.Standing("month", 100, 0, 0, NOON + 36 * HOUR_MS)),
        quotas.standings("monthly", NOON));
    assertEquals(List.of(), quotas.standings("free", NOON));
  }

  @Test
  void aMonthsTokensAreSpentUntilItsEnd() {
    meter.add("monthly", NOON - 20 * 24 * HOUR_MS, 99, 0, 0);
    meter.add("monthly", NOON, 0, 0, 1);

    assertEquals("month 129600", said("monthly", NOON));
    assertNull(quotas.exhausted("monthly", NOON + 36 * HOUR_MS));
  }

  @Test
  void whatTheStoreKnowsCountsWhereItIsMore() {
    long day = Quotas.day(NOON);
    long month = Quotas.month(NOON);
    meter.add("daily", NOON, 70, 0, 0);
    quotas.known(new Quotas.Spent("daily", day, 50, month, 50));
    assertNull(quotas.exhausted("daily", NOON));

    quotas.known(new Quotas.Spent("daily", day, 100, month, 100));

    assertEquals("day 43200", said("daily", NOON));
  }

  @Test
  void whatTheStoreKnowsOfYesterdayChangesNothingToday() {
    meter.add("daily", NOON, 1, 0, 0);

    quotas.known(
        new Quotas.Spent("daily", Quotas.day(NOON) - 24 * HOUR_MS, 500, Quotas.month(NOON), 500));

    assertNull(quotas.exhausted("daily", NOON));
  }

  /** What was used on the day that was wrong was used today. */
  @Test
  void aClockThatIsPutBackOpensNoQuota() {
    meter.add("daily", NOON, 60, 0, 0);
    meter.add("monthly", NOON, 60, 0, 0);
    for (String tenant : List.of("daily", "monthly")) {
      meter.add(tenant, NOON + 48 * HOUR_MS, 39, 0, 0);
    }

    assertNull(quotas.exhausted("daily", NOON));
    assertEquals(1, quotas.free("daily", NOON));
    assertEquals(1, quotas.free("monthly", NOON));
    meter.add("daily", NOON, 1, 0, 0);
    meter.add("monthly", NOON, 1, 0, 0);
    assertEquals("day 43200", said("daily", NOON));
    assertEquals("month 129600", said("monthly", NOON));
  }

  @Test
  void whatTheStoreKnowsOfADayBeforeALaterOneCountsOnIt() {
    meter.add("daily", NOON + 24 * HOUR_MS, 1, 0, 0);

    quotas.known(new Quotas.Spent("daily", Quotas.day(NOON), 100, Quotas.month(NOON), 100));

    assertEquals("day 43200", said("daily", NOON));
    assertEquals(99, quotas.free("daily", NOON + 24 * HOUR_MS));
  }

  /** The store's sum has what was booked on later days, which this gateway knows already. */
  @Test
  void whatWasBookedOnALaterDayCountsOnceAfterTheClockWasPutBack() {
    meter.add("daily", NOON + 24 * HOUR_MS, 60, 0, 0);
    meter.add("monthly", NOON + 72 * HOUR_MS, 60, 0, 0);

    quotas.known(new Quotas.Spent("daily", Quotas.day(NOON), 60, Quotas.month(NOON), 60));
    quotas.known(new Quotas.Spent("monthly", Quotas.day(NOON), 60, Quotas.month(NOON), 60));

    assertEquals(40, quotas.free("daily", NOON));
    assertEquals(40, quotas.free("monthly", NOON));
    quotas.known(new Quotas.Spent("daily", Quotas.day(NOON), 75, Quotas.month(NOON), 75));
    meter.add("daily", NOON, 5, 0, 0);
    assertEquals(20, quotas.free("daily", NOON));
  }

  @Test
  void tenantsWithoutQuotasSpendNothing() {
    meter.add("free", NOON, 1_000_000, 0, 0);
    meter.add("stranger", NOON, 1_000_000, 0, 0);

    assertNull(quotas.exhausted("free", NOON));
    assertNull(quotas.exhausted("stranger", NOON));
  }

  @Test
  void requestsThatRunHoldWhatTheyMayTake() {
    Quotas.Hold first = held("daily", 60);
    Quotas.Exhausted second = refused("daily", 41);

    assertEquals(new Quotas.Exhausted("day", 0, 100, 60, 41, 12 * 3600, 1), second);
    held("daily", 40).release();
    meter.add("daily", NOON, 10, 0, 2);
    first.release();
    assertEquals(88, quotas.free("daily", NOON));
  }

  @Test
  void whatNeverFitsIsToldToWaitForTheNextPeriod() {
    meter.add("monthly", NOON, 50, 0, 0);
    Quotas.Exhausted refused = refused("monthly", 51);

    assertEquals("month", refused.period());
    assertEquals(refused.resetSeconds(), refused.retryAfterSeconds());
  }

  @Test
  void aHoldGrowsByWhatIsLeftAndIsReleasedOnce() {
    Quotas.Hold one = held("daily", 50);
    Quotas.Hold two = held("daily", 30);

    assertEquals(20, one.more(25, NOON));
    assertEquals(0, one.more(1, NOON));
    two.taken(5);
    assertEquals(-5, quotas.free("daily", NOON));
    one.release();
    one.release();
    two.release();
    assertEquals(100, quotas.free("daily", NOON));
  }

  @Test
  void tenantsWithoutQuotasHoldNothing() {
    Quotas.Hold free = held("free", Long.MAX_VALUE / 8);

    assertFalse(free.limited());
    assertEquals(7, free.more(7, NOON));
  }

  private Quotas.Hold held(String tenant, long tokens) {
    return assertInstanceOf(Quotas.Hold.class, quotas.hold(tenant, tokens, NOON, 1));
  }

  private Quotas.Exhausted refused(String tenant, long tokens) {
    return assertInstanceOf(Quotas.Exhausted.class, quotas.hold(tenant, tokens, NOON, 1));
  }

  private @Nullable String said(String tenant, long nowMs) {
    Quotas.Exhausted spent = quotas.exhausted(tenant, nowMs);
    return spent == null ? null : spent.period() + " " + spent.retryAfterSeconds();
  }
}
