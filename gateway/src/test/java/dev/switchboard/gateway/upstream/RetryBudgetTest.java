package dev.switchboard.gateway.upstream;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.routing.HedgePolicy;
import org.junit.jupiter.api.Test;

class RetryBudgetTest {
  @Test
  void retriesAreAShareOfTheRequests() {
    RetryBudget budget = new RetryBudget(new RetryBudget.Config(2, 0.25, 1, HedgePolicy.DEFAULTS));
    assertTrue(budget.spend());
    assertFalse(budget.spend());

    for (int i = 0; i < 4; i++) {
      budget.earn();
    }

    assertTrue(budget.spend());
    assertFalse(budget.spend());
  }
}
