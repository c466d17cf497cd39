package dev.switchboard.gateway.http;

import dev.switchboard.gateway.admission.Admission;
import dev.switchboard.gateway.admission.AdmissionQueue;
import dev.switchboard.gateway.admission.Asker;
import dev.switchboard.gateway.admission.Band;
import dev.switchboard.gateway.admission.Demand;
import dev.switchboard.gateway.admission.Refusal;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.Usage;
import dev.switchboard.gateway.shared.SharedLimits;
import dev.switchboard.gateway.slo.Slo;
import io.prometheus.metrics.core.datapoints.GaugeDataPoint;
import io.vertx.core.Context;
import io.vertx.core.Future;
import org.jspecify.annotations.Nullable;

/**
 * How a request comes in: the model whose queue it enters, what it demands there, and its pass from
 * then until its end.
 */
final class RequestAdmission implements Admission.Waiter {
  private final Call call;
  private final GatewayContext gateway;
  private final Flight flight;
  private final Slo slo;
  private final ReplicaChoice choice;
  private final Admission.Waiter owner;
  private final Context eventLoop;
  private Admission.@Nullable Pass pass;
  private @Nullable GaugeDataPoint inFlight;

  private Asker asker = Asker.NOBODY;
  private int answers = 1;

  /** When the clock was last asked. */
  private long seenNanos;

  /** Its request is over, maybe before the other gateways' limits were heard of. */
  private boolean left;

  /**
   * @param owner hears, on its event loop, how it ends
   */
  RequestAdmission(Call call, Slo slo, ReplicaChoice choice, Admission.Waiter owner) {
    this.call = call;
    this.gateway = call.gateway();
    this.flight = call.flight();
    this.slo = slo;
    this.choice = choice;
    this.owner = owner;
    this.eventLoop = call.loop().vertx().getOrCreateContext();
  }

  @Override
  public void admitted() {
    eventLoop.runOnContext(told -> owner.admitted());
  }

  @Override
  public void refused(Refusal refusal) {
    eventLoop.runOnContext(told -> owner.refused(refusal));
  }

  /**
   * Asks for a place: all gateways together, where they hold limits of the tenant, then this one.
   * The owner hears at once or later what comes of it.
   *
   * @param parsed its body
   */
  void enter(ParsedRequest parsed, int bodyBytes) {
    answers = parsed.answers();
    // Who was refused and comes back asks the same again.
    long tenant = call.caller().tenant().hashCode();
    asker = new Asker(parsed.sum() * 31 + tenant | 1, 31 * tenant + call.clientName().hashCode());
    long now = call.nowNanos();
    Entrance entrance =
        call.endpoint().computes()
            ? entrance(bodyBytes, now)
            : new Entrance(null, demand(flight.model(), bodyBytes));
    Future<SharedLimits.Entry> entered =
        gateway.shared().enter(call.caller().tenant(), ask(entrance, now));
    if (entered.isComplete()) {
      entered(entrance, entered.result());
    } else {
      Future<SharedLimits.Entry> _ = entered.onSuccess(entry -> entered(entrance, entry));
    }
  }

  private SharedLimits.Ask ask(Entrance entrance, long now) {
    Demand demand = entrance.demand;
    return new SharedLimits.Ask(
        demand.tokens(),
        demand.places(),
        demand.asker(),
        () -> gateway.admission().inside(entrance.model, demand, now));
  }

  private void entered(Entrance entrance, SharedLimits.Entry entry) {
    long now = call.nowNanos();
    if (left) {
      entry.held().settle(0, false);
    } else if (entry.spent() != null) {
      entry.headers().forEach(call.response()::putHeader);
      owner.refused(
          gateway
              .admission()
              .spent(
                  entry.spent(),
                  entry.waitNanos(),
                  entry.turnSeconds(),
                  entrance.model,
                  entrance.demand,
                  now));
    } else {
      ask(entrance, entry, now);
    }
  }

  private void ask(Entrance entrance, SharedLimits.Entry entry, long now) {
    Admission.Answer answer =
        gateway.admission().enter(entrance.model, entrance.demand, entry.held(), this, now);
    seenNanos = now;
    // First of all: it is given back when the request ends, whatever throws from here on.
    pass = answer.pass();
    answer.headers().forEach(call.response()::putHeader);
    // What is left over all gateways goes before what is left here.
    entry.headers().forEach(call.response()::putHeader);
    Refusal refusal = answer.refusal();
    if (refusal != null) {
      owner.refused(refusal);
    } else if (!answer.waits()) {
      owner.admitted();
    } else if (entrance.model != null && gateway.admission().queue(entrance.model).holding()) {
      flight.replicaWaitBegins();
    }
  }

  /**
   * Where it comes in.
   *
   * @param model whose queue it enters; null for none
   */
  private record Entrance(@Nullable String model, Demand demand) {}

  /**
   * The model whose queue it enters, and that routing looks at first: the first of the plan that
   * some replica serves now, and in time, as far as this one knows; else the first that is served,
   * which then refuses it.
   */
  private Entrance entrance(int bodyBytes, long now) {
    String unfit = "no_replica";
    Entrance late = null;
    AdmissionQueue unready = null;
    for (String model : choice.models()) {
      AdmissionQueue queue = gateway.admission().queue(model);
      if (!queue.ready()) {
        unready = unready == null && queue.holding() ? queue : unready;
        continue;
      }
      if (unready != null) {
        // Another one stands in: the first is asked for all the same.
        unready.missed(demand(model, bodyBytes));
        unready = null;
      }
      Entrance entrance = new Entrance(model, demand(model, bodyBytes));
      if (queue.inTime(entrance.demand, now)) {
        choice.lead(model, unfit);
        return entrance;
      }
      late = late == null ? entrance : late;
      unfit = model.equals(flight.model()) ? "deadline" : unfit;
    }
    return late == null ? new Entrance(flight.model(), demand(flight.model(), bodyBytes)) : late;
  }

  private Demand demand(String model, int bodyBytes) {
    long accepted = flight.gatewayNanos(flight.at(Mark.ACCEPTED));
    boolean generates = call.endpoint().generates();
    return new Demand(
        call.caller().tenant(),
        Band.of(slo.priority()),
        accepted,
        generates ? slo.ttftMs() : 0,
        generates ? slo.tpotMs() : 0,
        slo.deadlineNanos(accepted),
        choice.prompt(model),
        generates ? choice.outputTokens() : 0,
        bodyBytes,
        call.endpoint().computes()
            ? Math.max(1, choice.promptTokens() + (long) choice.outputTokens() * answers)
            : 0,
        asker,
        answers,
        choice.models().size() > 1);
  }

  /** The choice of its replica, which begins when it is admitted. */
  ReplicaChoice choice() {
    return choice;
  }

  /** It is in flight from now on. */
  void begins() {
    gateway.metrics().admission(flight.model(), slo.name(), "admitted");
    if (pass != null) {
      // What it waited beyond the first replica it waited for a place.
      long ago = Math.max(0, call.nowNanos() - pass.replicaReadyNanos());
      flight.replicaWaitEnds(flight.now() - ago);
    }
    inFlight = gateway.metrics().inFlight(flight.model());
    inFlight.inc();
    choice.takeTurn();
  }

  /** It went to a replica, which is to answer it. */
  void routed(String replica, long sentNanos) {
    if (pass != null) {
      pass.routed(replica, call.streams(), flight.gatewayNanos(sentNanos));
    }
  }

  /** The replica answered that it has enough. */
  void refusedBy(String replica) {
    if (pass != null) {
      pass.refusedBy(replica);
    }
  }

  void firstToken() {
    if (pass != null) {
      pass.firstToken(call.nowNanos());
    }
  }

  /** Its stream goes on at another replica. */
  void resumed() {
    if (pass != null) {
      pass.resumed(call.nowNanos());
    }
  }

  /** The whole answer came at once. */
  void wholeAnswer(int tokens) {
    if (pass != null) {
      pass.wholeAnswer(tokens, call.nowNanos());
    }
  }

  /**
   * It is over: its place is free.
   *
   * @param record null where none could be made
   */
  void leave(@Nullable FlightRecord record) {
    left = true;
    CleanupSteps.all(
        () -> endEdge(record),
        this::uncount,
        () -> seenNanos = call.nowNanos(),
        // Also where the clock failed: an old time harms a forecast, a kept place is lost for good.
        () -> closePass(record));
  }

  private void endEdge(@Nullable FlightRecord record) {
    EdgeWatch edge = choice.edge();
    if (edge != null) {
      edge.ended(record);
    }
  }

  private void uncount() {
    GaugeDataPoint gauge = inFlight;
    inFlight = null;
    if (gauge != null) {
      gauge.dec();
    }
  }

  private void closePass(@Nullable FlightRecord record) {
    if (pass != null) {
      pass.close(record == null ? -1 : tokens(record), seenNanos);
    }
  }

  /** What it is charged with; −1 where an answer did not say, 0 for one that nobody got. */
  private long tokens(FlightRecord record) {
    Usage usage = record.usage();
    if (usage.equals(Usage.NONE)) {
      return record.outcome() == Outcome.OK ? -1 : 0;
    }
    return (long) Math.max(0, usage.promptTokens()) + Math.max(0, usage.completionTokens());
  }
}
