package dev.switchboard.gateway.upstream;

import dev.switchboard.gateway.routing.HedgePolicy;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A budget of retries for each model, so that one whose replicas break spends nothing of another's.
 * Asked only for models that are served; safe on any thread.
 */
public final class RetryBudgets {
  private final Map<String, RetryBudget> budgets = new ConcurrentHashMap<>();
  private volatile RetryBudget.Config config;

  public RetryBudgets(RetryBudget.Config config) {
    this.config = config;
  }

  /** Goes by another share from now on; what was saved up stays. */
  public synchronized void reconfigure(RetryBudget.Config other) {
    config = other;
    budgets.values().forEach(budget -> budget.reconfigure(other));
  }

  /** Nobody serves a model any more. */
  public void forget(String model) {
    budgets.remove(model);
  }

  /** A request for a model began. */
  public void earn(String model) {
    of(model).earn();
  }

  /** Takes one retry of a model's, when there is one. */
  public boolean spend(String model) {
    return of(model).spend();
  }

  /** Attempts of a request at most, the first included. */
  public int attempts() {
    return config.attempts();
  }

  /** When a late request gets a second replica. */
  public HedgePolicy hedge() {
    return config.hedge();
  }

  private RetryBudget of(String model) {
    RetryBudget known = budgets.get(model);
    return known == null ? add(model) : known;
  }

  /** Under the lock, or a change of the configuration would miss it. */
  private synchronized RetryBudget add(String model) {
    return budgets.computeIfAbsent(model, name -> new RetryBudget(config));
  }
}
