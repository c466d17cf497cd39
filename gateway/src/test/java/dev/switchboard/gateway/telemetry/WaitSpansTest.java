package dev.switchboard.gateway.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.flight.EngineStamps;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.FlightRecord.Interval;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.gateway.flight.PhaseBreakdown.Phase;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.timeline.RequestTimeline;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Whatever a request waits for has a span with the times of its record, and the receipt agrees. */
class WaitSpansTest {
  private static final long MS = 1_000_000;
  private static final long BEGUN = 1_795_000_000_000L * MS;
  private static final AttributeKey<Double> CHARGED =
      AttributeKey.doubleKey("switchboard.charged_ms");
  private static final Map<String, Phase> PHASES =
      Map.of(
          "switchboard.socket", Phase.SOCKET,
          "switchboard.tls", Phase.TLS,
          "switchboard.receive", Phase.ACCEPT,
          "switchboard.queue", Phase.QUEUE,
          "switchboard.replica_wait", Phase.REPLICA_WAIT,
          "switchboard.gateway_late", Phase.GATEWAY_LATE,
          "switchboard.unread", Phase.GATEWAY_LATE,
          "switchboard.client_stall", Phase.CLIENT_STALL,
          "switchboard.migration", Phase.MIGRATION,
          "switchboard.client_flush", Phase.CLIENT_FLUSH);

  private final List<Interval> late = new ArrayList<>();
  private long now = BEGUN;
  private final Flight flight = flight();

  /** Milliseconds since the request's beginning, and of them what the receipt charges. */
  private record WaitSpan(String name, double from, double to, double charged) {}

  private static WaitSpan told(String name, double from, double to, double charged) {
    return new WaitSpan("switchboard." + name, from, to, charged);
  }

  @Test
  void aRequestThatWaitedForNothingHasNoSpanOfIt() {
    assertEquals(List.of(), tell());
  }

  @Test
  void whatItsConnectionWaitedStandsBeforeIt() {
    flight.connection(at(-30), 20 * MS, 25 * MS);

    assertEquals(List.of(told("socket", -50, -30, 20), told("tls", -30, -5, 25)), tell());
  }

  @Test
  void aConnectionThatStoodReadyDoesNotLengthenTheTrace() {
    flight.connection(at(-5000), 20 * MS, 25 * MS);

    assertEquals(List.of(), tell());
  }

  @Test
  void aBodyThatComesLate() {
    flight.mark(Mark.RECEIVED, at(2.5));

    assertEquals(List.of(told("receive", 0, 2.5, 2.5)), tell());
  }

  @Test
  void theQueue() {
    flight.mark(Mark.ADMITTED, at(17));
    flight.mark(Mark.ROUTED, at(18));
    flight.mark(Mark.CONNECTED, at(19));

    assertEquals(List.of(told("queue", 1, 17, 16)), tell());
  }

  @Test
  void theQueueThatItNeverLeft() {
    for (Mark mark :
        List.of(
            Mark.ADMITTED, Mark.ROUTED, Mark.CONNECTED, Mark.FIRST_TOKEN, Mark.UPSTREAM_ENDED)) {
      flight.mark(mark, 0);
    }
    flight.mark(Mark.WRITTEN, at(50));

    assertEquals(List.of(told("queue", 1, 50, 49)), tell(51));
  }

  @Test
  void aReplicaThatThereIsNot() {
    flight.mark(Mark.ROUTED, at(60));
    flight.mark(Mark.CONNECTED, at(61));
    replicaWait(5, 35);
    replicaWait(40, 50);

    assertEquals(
        List.of(told("replica_wait", 5, 35, 30), told("replica_wait", 40, 50, 10)), tell());
  }

  @Test
  void anEventLoopThatDidNotRunIsChargedWhereNoWorkerWorked() {
    flight.timelines(List.of(timeline()), new EngineStamps(at(5), at(81)));
    late.add(new Interval(at(60), at(95)));

    // The worker was done at 80, and the answer written at 91.
    assertEquals(List.of(told("gateway_late", 60, 91, 11)), tell(92));
  }

  @Test
  void bytesThatWaitedForAnEventLoopAreChargedOnce() {
    late.add(new Interval(at(10), at(30)));
    now = at(42);
    flight.unread(40 * MS);

    assertEquals(List.of(told("gateway_late", 10, 30, 20), told("unread", 2, 42, 20)), tell());
  }

  @Test
  void aStreamThatMoved() {
    move(new FlightRecord.Move("died", at(40), at(55), at(70)));

    List<SpanData> spans = spans(100);

    assertEquals(List.of(told("migration", 40, 70, 30)), told(spans));
    Map<AttributeKey<?>, Object> said = spans.getFirst().getAttributes().asMap();
    assertEquals("died", said.get(AttributeKey.stringKey("switchboard.cause")));
    assertEquals("w1", said.get(AttributeKey.stringKey("switchboard.replica")));
  }

  @Test
  void aStreamThatNoReplicaWentOnWith() {
    flight.mark(Mark.UPSTREAM_ENDED, 0);
    flight.lost(at(40));

    assertEquals(List.of(told("migration", 40, 91, 51)), tell(92));
  }

  @Test
  void aReplicaThatAMovingStreamWaitedForIsNotMigrationToo() {
    move(new FlightRecord.Move("died", at(40), at(45), at(70)));
    replicaWait(45, 60);

    assertEquals(List.of(told("replica_wait", 45, 60, 15), told("migration", 40, 70, 15)), tell());
  }

  @Test
  void aClientThatDoesNotRead() {
    now = at(75);
    flight.stallBegins();
    now = at(88);
    flight.stallEnds();

    // Until 80 the replica had not sent all: of a server without timeline that may be both's.
    assertEquals(
        List.of(told("client_stall", 75, 88, 13), told("client_flush", 91, 131, 40)), tell(131));
  }

  @Test
  void anEventLoopThatDidNotRunWhileTheClientTookTheRest() {
    late.add(new Interval(at(100), at(120)));

    assertEquals(
        List.of(told("gateway_late", 100, 120, 20), told("client_flush", 91, 131, 20)), tell(131));
  }

  @Test
  void ofEachWaitTheSpansSumToTheReceipt() {
    Map<Phase, Long> seen = new EnumMap<>(Phase.class);
    for (int seed = 0; seed < 2000; seed++) {
      WaitSpansTest made = new WaitSpansTest();
      made.happens(new SplittableRandom(seed));
      FlightRecord record = made.flight.finish(Outcome.OK, 200, null);
      Map<Phase, Long> told = new EnumMap<>(Phase.class);
      spans(record)
          .forEach(
              span ->
                  told.merge(
                      PHASES.get(span.getName()), Math.round(charged(span) * MS), Long::sum));
      PhaseBreakdown receipt = PhaseBreakdown.of(record);
      for (Phase phase : PHASES.values()) {
        long wanted = receipt.before().getOrDefault(phase, receipt.nanos(phase));
        long untold = wanted - told.getOrDefault(phase, 0L);
        assertTrue(0 <= untold && untold <= most(phase, record), phase + " of seed " + seed);
        seen.merge(phase, told.getOrDefault(phase, 0L), Long::sum);
      }
    }
    PHASES
        .values()
        .forEach(phase -> assertTrue(seen.getOrDefault(phase, 0L) > 0, phase + " never was"));
  }

  /**
   * Of a phase no more is left untold; what comes after a prompt client's last byte is not told.
   */
  private static long most(Phase phase, FlightRecord record) {
    long flush = record.at(Mark.ENDED) - record.at(Mark.WRITTEN);
    return switch (phase) {
      case ACCEPT, QUEUE -> MS - 1;
      case GATEWAY_LATE, CLIENT_FLUSH -> flush < 10 * MS ? flush : 0;
      default -> 0;
    };
  }

  /** Anything at any time, in an order that is possible. */
  private void happens(SplittableRandom random) {
    int at = 0;
    for (Mark mark : Mark.values()) {
      if (mark != Mark.ACCEPTED && mark != Mark.ENDED) {
        at += random.nextInt(random.nextBoolean() ? 15 : 2);
        flight.mark(mark, at(at));
      }
    }
    int end = 1 + at + random.nextInt(30);
    if (random.nextBoolean()) {
      flight.connection(at(-30), random.nextInt(20) * MS, random.nextInt(25) * MS);
    }
    if (random.nextInt(3) == 0) {
      flight.timelines(List.of(timeline()), new EngineStamps(at(5), at(81)));
    }
    int lost = random.nextInt(end);
    if (random.nextInt(4) == 0) {
      move(new FlightRecord.Move("died", at(lost), at(lost), at(random.nextInt(lost, end))));
    } else if (random.nextInt(4) == 0) {
      flight.lost(at(lost));
    }
    for (int each = random.nextInt(4); each > 0; each--) {
      int from = random.nextInt(end);
      int to = random.nextInt(from, end) + 1;
      switch (random.nextInt(4)) {
        case 0 -> late.add(new Interval(at(from), at(to)));
        case 1 -> replicaWait(from, to);
        case 2 -> {
          now = at(from);
          flight.stallBegins();
          now = at(to);
          flight.stallEnds();
        }
        default -> {
          now = at(to);
          flight.unread((to - from) * MS);
        }
      }
    }
    now = at(end);
  }

  private static long at(double ms) {
    return BEGUN + Math.round(ms * MS);
  }

  private void replicaWait(double from, double to) {
    now = at(from);
    flight.replicaWaitBegins();
    now = at(to);
    flight.replicaWaitEnds();
  }

  private void move(FlightRecord.Move move) {
    flight.attempt(new FlightRecord.Attempt(2, "w1", at(56), at(90), null, false, move));
  }

  /** It waited for nothing; from a server without timeline unless one is told. */
  private Flight flight() {
    Flight made = new Flight("r", () -> now);
    made.stream(true);
    made.onLoop((from, to, asked) -> late);
    made.decision(Decision.of("p", "m", "w0", List.of()));
    made.mark(Mark.ACCEPTED, at(0));
    made.mark(Mark.RECEIVED, at(0.5));
    made.mark(Mark.PARSED, at(1));
    made.mark(Mark.ADMITTED, at(1.5));
    made.mark(Mark.ROUTED, at(2));
    made.mark(Mark.CONNECTED, at(3));
    made.mark(Mark.FIRST_TOKEN, at(20));
    made.mark(Mark.UPSTREAM_ENDED, at(90));
    made.mark(Mark.WRITTEN, at(91));
    made.attempt(new FlightRecord.Attempt(1, "w0", at(2), at(55), null, false, null));
    return made;
  }

  /** The worker had it from 5 to 80 ms. */
  private static RequestTimeline timeline() {
    return new RequestTimeline(
        "r", 0, at(5), at(6), at(7), at(20), at(80), 0, null, null, List.of());
  }

  private List<WaitSpan> tell() {
    return tell(92);
  }

  private List<WaitSpan> tell(double endMs) {
    return told(spans(endMs));
  }

  private List<SpanData> spans(double endMs) {
    now = at(endMs);
    return spans(flight.finish(Outcome.OK, 200, null));
  }

  private static List<SpanData> spans(FlightRecord record) {
    Exported exported = new Exported();
    var tracer = SdkTracerProvider.builder().addSpanProcessor(exported.processor()).build().get("");
    Span server = tracer.spanBuilder("server").startSpan();
    new WaitSpans(tracer, Context.root().with(server), record, PhaseBreakdown.of(record)).tell();
    exported
        .spans()
        .forEach(span -> assertEquals(server.getSpanContext().getSpanId(), span.getParentSpanId()));
    return exported.spans();
  }

  private static List<WaitSpan> told(List<SpanData> spans) {
    return spans.stream()
        .map(
            span ->
                new WaitSpan(
                    span.getName(),
                    (span.getStartEpochNanos() - BEGUN) / (double) MS,
                    (span.getEndEpochNanos() - BEGUN) / (double) MS,
                    charged(span)))
        .toList();
  }

  private static double charged(SpanData span) {
    return Objects.requireNonNull(span.getAttributes().get(CHARGED));
  }
}
