package dev.switchboard.gateway.upstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.routing.HedgePolicy;
import org.junit.jupiter.api.Test;

class RetryBudgetsTest {
  private static RetryBudget.Config config(int attempts, double ratio, int reserve) {
    return new RetryBudget.Config(attempts, ratio, reserve, HedgePolicy.DEFAULTS);
  }

  @Test
  void oneModelSpendsNothingOfAnothers() {
    RetryBudgets budgets = new RetryBudgets(config(2, 0.5, 1));

    assertTrue(budgets.spend("broken"));
    assertFalse(budgets.spend("broken"));
    assertTrue(budgets.spend("well"));
  }

  @Test
  void requestsForOneModelEarnNothingForAnother() {
    RetryBudgets budgets = new RetryBudgets(config(2, 1, 1));
    budgets.spend("broken");
    budgets.earn("well");

    assertFalse(budgets.spend("broken"));
    budgets.earn("broken");
    assertTrue(budgets.spend("broken"));
  }

  @Test
  void anotherConfigurationHoldsForKnownModelsAndForNewOnes() {
    RetryBudgets budgets = new RetryBudgets(config(2, 1, 1));
    budgets.earn("known");
    budgets.reconfigure(config(3, 1, 0));

    assertFalse(budgets.spend("known"));
    assertFalse(budgets.spend("new"));
    assertEquals(3, budgets.attempts());
  }
}
