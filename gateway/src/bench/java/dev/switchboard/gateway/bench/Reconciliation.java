package dev.switchboard.gateway.bench;

import dev.switchboard.gateway.bench.ClientLedger.Seen;
import dev.switchboard.gateway.flight.Outcome;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Holds what clients saw of each request against the record that gateways wrote of it, by its id,
 * and those records against what the gateways counted. All of it is exact but for what only one
 * side can know:
 *
 * <ul>
 *   <li>Who leaves does not see how its request ended: any outcome is right, with the status that
 *       the client saw, if it saw one, and no fewer pieces of content than it got.
 *   <li>A connection above a limit is closed before its request is read, so there is no record. Its
 *       client finds the connection broken, or left before it found that. There are exactly as many
 *       such requests as connections that were closed so.
 *   <li>But whoever had not sent its whole head leaves no record either way, and cannot tell
 *       whether its connection was one of those. By as many of them there may be fewer requests
 *       without a record than connections closed.
 * </ul>
 */
final class Reconciliation {
  private static final int MOST_FOUND = 20;

  private final List<String> found = new ArrayList<>();
  private final Map<String, RequestEnd> records = new LinkedHashMap<>();
  private long withoutRecord;
  private long unsent;

  private Reconciliation(Collection<RequestEnd> written) {
    for (RequestEnd record : written) {
      if (records.put(record.id(), record) != null) {
        found.add("request " + record.id() + ": more than one record");
      }
    }
  }

  /**
   * Compares requests with their records.
   *
   * @param closedUnread connections that gateways closed unread
   * @return the first differences; empty when there is none
   */
  static List<String> byId(
      Collection<Seen> requests, Collection<RequestEnd> written, double closedUnread) {
    Reconciliation all = new Reconciliation(written);
    for (Seen request : requests) {
      all.compare(request, all.records.remove(request.id()));
    }
    all.records.values().forEach(record -> all.found.add("nobody's request: " + record));
    if (closedUnread < all.withoutRecord || closedUnread > all.withoutRecord + all.unsent) {
      all.found.add(
          "requests without a record: "
              + all.withoutRecord
              + ", connections closed unread: "
              + closedUnread);
    }
    return all.found.subList(0, Math.min(MOST_FOUND, all.found.size()));
  }

  private void compare(Seen request, @Nullable RequestEnd record) {
    switch (request.end()) {
      case ANSWERED -> answered(request, record);
      case LEFT -> left(request, record);
      case UNHEARD -> {
        withoutRecord++;
        differ(request, "connection broke", record == null, record);
      }
      case UNSENT -> {
        unsent++;
        differ(request, "never sent whole", record == null, record);
      }
    }
  }

  private void answered(Seen request, @Nullable RequestEnd record) {
    // An answer that ends with an error does not tell how many tokens there were before it.
    boolean tells = request.generated() >= 0 && request.outcome() == Outcome.OK;
    differ(
        request,
        "answered",
        record != null
            && record.outcome().equals(request.outcome().label())
            && record.status() == request.status()
            && (!tells || record.completionTokens() == request.generated())
            && (!request.stream() || record.pieces() == request.pieces()),
        record);
  }

  private void left(Seen request, @Nullable RequestEnd record) {
    if (record == null && request.status() == 0) {
      withoutRecord++;
      return;
    }
    differ(
        request,
        "left",
        record != null
            && (request.status() == 0 || record.status() == request.status())
            && record.pieces() >= request.pieces(),
        record);
  }

  private void differ(Seen request, String how, boolean agree, @Nullable RequestEnd record) {
    if (!agree) {
      found.add("request " + request.id() + ": " + how + ": " + request + ", record " + record);
    }
  }

  /**
   * Compares a gateway's records with what it counted meanwhile.
   *
   * @return every difference; empty when there is none
   */
  static List<String> bySum(Collection<RequestEnd> written, MetricsText before, MetricsText after) {
    List<String> found = new ArrayList<>();
    Map<String, Long> outcomes = new HashMap<>();
    long prompt = 0;
    long completion = 0;
    long gaps = 0;
    for (RequestEnd record : written) {
      outcomes.merge(record.outcome(), 1L, Long::sum);
      prompt += record.promptTokens();
      completion += record.completionTokens();
      gaps += Math.max(0, record.pieces() - 1);
    }
    for (Outcome outcome : Outcome.values()) {
      String label = "outcome=\"" + outcome.label() + "\"";
      double counted = after.since(before, ClientLedger.REQUESTS, label);
      differ(found, label, outcomes.getOrDefault(outcome.label(), 0L), counted);
    }
    differ(
        found,
        "prompt tokens",
        prompt,
        after.since(before, ClientLedger.TOKENS, ClientLedger.PROMPT));
    differ(
        found,
        "completion tokens",
        completion,
        after.since(before, ClientLedger.TOKENS, ClientLedger.COMPLETION));
    differ(found, "gaps between pieces", gaps, after.since(before, ClientLedger.GAPS));
    return found;
  }

  private static void differ(List<String> found, String what, long written, double counted) {
    if (written != counted) {
      found.add(what + ": records " + written + ", metrics " + counted);
    }
  }
}
