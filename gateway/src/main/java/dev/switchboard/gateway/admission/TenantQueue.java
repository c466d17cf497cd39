package dev.switchboard.gateway.admission;

import java.util.Comparator;
import java.util.TreeSet;

/**
 * One tenant's requests that wait in one band, the most urgent first, and the tenant's account.
 *
 * <p>{@code start} is the virtual time at which its next request begins: where its last one ended,
 * or the band's time when it comes back from having nothing, so that who was idle has no credit.
 */
final class TenantQueue {
  static final Comparator<TenantQueue> ORDER =
      Comparator.comparingDouble((TenantQueue t) -> t.start).thenComparing(t -> t.name);
  private static final Comparator<AdmissionQueue.Entry> URGENCY =
      Comparator.comparingLong((AdmissionQueue.Entry e) -> e.due)
          .thenComparingLong(e -> e.sequence);

  final String name;
  final TreeSet<AdmissionQueue.Entry> waiting = new TreeSet<>(URGENCY);
  double weight;
  double start;
  int running;

  TenantQueue(String name) {
    this.name = name;
  }

  /** How many of its own would go before a request; most come last, which takes no counting. */
  int before(AdmissionQueue.Entry entry) {
    boolean last = waiting.isEmpty() || URGENCY.compare(waiting.last(), entry) < 0;
    return last ? waiting.size() : waiting.headSet(entry).size();
  }

  /** Its backlog in terms of its share. */
  double load() {
    return waiting.size() / weight;
  }
}
