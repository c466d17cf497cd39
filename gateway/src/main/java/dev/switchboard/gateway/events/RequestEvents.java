package dev.switchboard.gateway.events;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.telemetry.KeepReason;
import dev.switchboard.gateway.telemetry.Pace;
import dev.switchboard.gateway.telemetry.SloCheck;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ObjLongConsumer;
import java.util.function.Predicate;

/**
 * What requests make events of: those of interest one by one, as many in a second as somebody can
 * read, and that a model's are refused for load, when it begins and when it has ended. Safe on any
 * thread.
 */
public final class RequestEvents {
  private static final int PER_SECOND = 10;
  private static final int BURST = 20;

  /** Without a refusal for so long an overload is over. */
  private static final long QUIET_NANOS = 5_000_000_000L;

  private final EventFeed feed;
  private final Predicate<String> served;
  private final Pace pace = new Pace();
  private volatile ObjLongConsumer<FlightRecord> watcher = (record, ahead) -> {};
  private final AtomicInteger leftOut = new AtomicInteger();
  private final Map<String, Overload> overloads = new HashMap<>();

  private static final class Overload {
    private final long beganNanos;
    private long lastNanos;
    private long shed;

    Overload(long nowNanos) {
      beganNanos = nowNanos;
    }
  }

  /**
   * @param served whether there is a model of this name: others come from clients
   */
  public RequestEvents(EventFeed feed, Predicate<String> served) {
    this.feed = feed;
    this.served = served;
  }

  /**
   * Tells somebody of every request that is over, whatever became of it, and what its times are
   * ahead of the gateway's clock; must not block.
   */
  public void watch(ObjLongConsumer<FlightRecord> also) {
    watcher = also;
  }

  /**
   * A request is over.
   *
   * @param slow whether it took long
   * @param aheadNanos what its times are ahead of the gateway's clock
   */
  public void ended(FlightRecord record, Slo slo, boolean slow, long nowNanos, long aheadNanos) {
    watcher.accept(record, aheadNanos);
    if (SloCheck.shedForLoad(record)) {
      shed(model(record), nowNanos);
      return;
    }
    Set<KeepReason> reasons = KeepReason.of(record, slo, slow);
    if (record.outcome() == Outcome.SHED || reasons.isEmpty()) {
      return;
    }
    if (pace.take(nowNanos, PER_SECOND, BURST)) {
      tell(record, reasons);
    } else {
      leftOut.incrementAndGet();
    }
  }

  private void tell(FlightRecord record, Set<KeepReason> reasons) {
    ObjectNode data = JsonNodeFactory.instance.objectNode();
    data.put("id", record.id()).put("model", model(record)).put("replica", record.replica());
    data.put("outcome", record.outcome().label()).put("status", record.status());
    data.put("total_ms", record.wallNanos() / 1_000_000).put("moves", record.moves());
    ArrayNode why = data.putArray("reasons");
    reasons.forEach(reason -> why.add(reason.label()));
    data.put("left_out", leftOut.getAndSet(0));
    feed.add(EventType.REQUEST, data);
  }

  private String model(FlightRecord record) {
    return served.test(record.model()) ? record.model() : "other";
  }

  private synchronized void shed(String model, long nowNanos) {
    Overload overload = overloads.get(model);
    if (overload == null) {
      overload = new Overload(nowNanos);
      overloads.put(model, overload);
      feed.add(EventType.OVERLOAD_BEGAN, JsonNodeFactory.instance.objectNode().put("model", model));
    }
    overload.shed++;
    overload.lastNanos = nowNanos;
  }

  /** Ends what has been over for a while; call it every now and then. */
  public synchronized void tick(long nowNanos) {
    for (Iterator<Map.Entry<String, Overload>> all = overloads.entrySet().iterator();
        all.hasNext(); ) {
      Map.Entry<String, Overload> entry = all.next();
      Overload overload = entry.getValue();
      if (nowNanos - overload.lastNanos >= QUIET_NANOS) {
        all.remove();
        feed.add(
            EventType.OVERLOAD_ENDED,
            JsonNodeFactory.instance
                .objectNode()
                .put("model", entry.getKey())
                .put("shed", overload.shed)
                .put("lasted_ms", (overload.lastNanos - overload.beganNanos) / 1_000_000));
      }
    }
  }
}
