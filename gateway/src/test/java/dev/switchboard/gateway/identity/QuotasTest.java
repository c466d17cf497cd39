package dev.switchboard.gateway.identity;

import static org.junit.jupiter.api.Assertions.assertEquals;
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

    assertEquals(new Quotas.Exhausted("day", 100, 100, 12 * 3600), quotas.exhausted("daily", NOON));
    assertNull(quotas.exhausted("daily", NOON + 12 * HOUR_MS));
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

  @Test
  void tenantsWithoutQuotasSpendNothing() {
    meter.add("free", NOON, 1_000_000, 0, 0);
    meter.add("stranger", NOON, 1_000_000, 0, 0);

    assertNull(quotas.exhausted("free", NOON));
    assertNull(quotas.exhausted("stranger", NOON));
  }

  private @Nullable String said(String tenant, long nowMs) {
    Quotas.Exhausted spent = quotas.exhausted(tenant, nowMs);
    return spent == null ? null : spent.period() + " " + spent.retryAfterSeconds();
  }
}
