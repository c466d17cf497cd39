package dev.switchboard.gateway.http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.http.DeadlineTimer.Phase;
import dev.switchboard.testing.HandTimers;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class DeadlineTimerTest {
  private static final int FIRST_TOKEN_MS = 1000;
  private static final int INTER_TOKEN_MS = 300;
  private static final int ANSWER_MS = 5000;
  private static final int WRITE_STALL_MS = 700;
  private static final int MOVE_MS = 200;
  private static final long HOUR_MS = 3_600_000;

  private final HandTimers time = new HandTimers();
  private final Flight flight = new Flight("r", time::nanos);
  private final List<Phase> missed = new ArrayList<>();
  private final DeadlineTimer timer =
      new DeadlineTimer(
          time,
          new DeadlinesConfig(
              10, 10, 10, 10, FIRST_TOKEN_MS, INTER_TOKEN_MS, ANSWER_MS, WRITE_STALL_MS),
          MOVE_MS,
          flight,
          missed::add);

  private void admitted(boolean stream) {
    flight.stream(stream);
    flight.mark(Mark.ADMITTED);
    timer.moved();
  }

  private void connects(boolean stream) {
    admitted(stream);
    timer.connecting(true);
  }

  /** Content, of which the first is told and each other one only moves the deadline away. */
  private void content(long afterMs) {
    time.advance(afterMs);
    if (flight.content() < 0) {
      timer.moved();
    }
  }

  private void stalls(long afterMs) {
    time.advance(afterMs);
    flight.stallBegins();
    timer.moved();
  }

  private void moves(long afterMs) {
    time.advance(afterMs);
    timer.moving(flight.now());
  }

  private void deadline(long inMs) {
    timer.request(flight.now() + inMs * 1_000_000);
  }

  /** What happens, which phase's deadline is then missed, and when since the last that happened. */
  record Course(String name, Phase phase, long waitMs, Consumer<DeadlineTimerTest> happens) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static List<Course> beforeItsFirstToken() {
    return List.of(
        new Course("queued with a deadline", Phase.DEADLINE, 400, test -> test.deadline(400)),
        new Course(
            "a stream's connection", Phase.CONNECTION, FIRST_TOKEN_MS, test -> test.connects(true)),
        new Course(
            "an answer's connection",
            Phase.CONNECTION,
            FIRST_TOKEN_MS,
            test -> test.connects(false)),
        new Course(
            "a stream's first token, counted from its admission",
            Phase.ANSWER,
            FIRST_TOKEN_MS - 600,
            test -> {
              test.connects(true);
              test.time.advance(600);
              test.timer.connecting(false);
            }),
        new Course("a whole answer", Phase.ANSWER, ANSWER_MS, test -> test.admitted(false)),
        new Course(
            "the request's deadline before its first token",
            Phase.DEADLINE,
            400,
            test -> {
              test.admitted(true);
              test.deadline(400);
            }));
  }

  private static List<Course> betweenTokens() {
    return List.of(
        new Course(
            "a stream's second token",
            Phase.NEXT_TOKEN,
            INTER_TOKEN_MS,
            test -> {
              test.admitted(true);
              test.content(900);
            }),
        new Course(
            "a token after several",
            Phase.NEXT_TOKEN,
            INTER_TOKEN_MS,
            test -> {
              test.admitted(true);
              for (int i = 0; i < 10; i++) {
                test.content(INTER_TOKEN_MS - 1);
              }
            }),
        new Course(
            "a client that does not read a stream",
            Phase.CLIENT,
            WRITE_STALL_MS,
            test -> {
              test.admitted(true);
              test.content(100);
              test.stalls(100);
            }),
        new Course(
            "a token after the client read again",
            Phase.NEXT_TOKEN,
            INTER_TOKEN_MS,
            test -> {
              test.admitted(true);
              test.content(100);
              test.stalls(100);
              test.time.advance(WRITE_STALL_MS - 1);
              test.flight.stallEnds();
              test.timer.moved();
            }));
  }

  private static List<Course> atItsEnd() {
    return List.of(
        new Course(
            "a client that does not take the end",
            Phase.CLIENT,
            WRITE_STALL_MS,
            test -> {
              test.admitted(true);
              test.content(100);
              test.timer.flushing();
            }),
        new Course(
            "the deadline of a request that only has to be flushed does not count",
            Phase.CLIENT,
            WRITE_STALL_MS,
            test -> {
              test.admitted(true);
              test.deadline(50);
              test.timer.flushing();
            }),
        new Course(
            "a client that takes a part of the end now and then",
            Phase.CLIENT,
            WRITE_STALL_MS,
            test -> {
              test.admitted(true);
              for (int i = 0; i < 5; i++) {
                test.timer.flushing();
                test.time.advance(WRITE_STALL_MS - 1);
              }
              test.timer.flushing();
            }));
  }

  private static List<Course> betweenReplicas() {
    return List.of(
        new Course(
            "a stream that nobody goes on with",
            Phase.MOVE,
            MOVE_MS,
            test -> {
              test.admitted(true);
              test.content(10);
              test.moves(10);
            }),
        new Course(
            "a stream that waits where it was taken, as long as for a first token",
            Phase.MOVE,
            FIRST_TOKEN_MS - 150,
            test -> {
              test.admitted(true);
              test.content(10);
              test.moves(10);
              test.time.advance(150);
              test.timer.taken();
            }),
        new Course(
            "a stream that was taken and left has the rest of its time",
            Phase.MOVE,
            MOVE_MS - 150,
            test -> {
              test.admitted(true);
              test.content(10);
              test.moves(10);
              test.time.advance(150);
              test.timer.taken();
              test.time.advance(400);
              test.timer.left();
            }),
        new Course(
            "a stream that moved has its next token awaited",
            Phase.NEXT_TOKEN,
            INTER_TOKEN_MS,
            test -> {
              test.admitted(true);
              test.content(10);
              test.moves(10);
              test.time.advance(150);
              test.timer.moving(0);
              test.content(0);
            }));
  }

  @ParameterizedTest
  @MethodSource({"beforeItsFirstToken", "betweenTokens", "atItsEnd", "betweenReplicas"})
  void eachPhaseIsMissedWhenItsTimeIsOverAndOnce(Course course) {
    course.happens.accept(this);

    time.advance(course.waitMs - 1);
    assertEquals(List.of(), missed, "too early");

    time.advance(2);
    assertEquals(List.of(course.phase), missed);

    time.advance(HOUR_MS);
    assertEquals(List.of(course.phase), missed, "again");
  }

  @Test
  void whoWaitsForAPlaceWithoutADeadlineIsLeftToAdmission() {
    timer.moved();

    time.advance(HOUR_MS);

    assertEquals(List.of(), missed);
    assertEquals(0, time.waiting());
  }

  @Test
  void aCancelledTimerSaysNothingWhateverComes() {
    admitted(true);
    timer.cancel();
    deadline(10);
    timer.flushing();

    time.advance(HOUR_MS);

    assertEquals(List.of(), missed);
    assertEquals(0, time.waiting());
  }

  /** A token costs no timer. */
  @Test
  void tokensArmNothingAnew() {
    admitted(true);
    content(10);

    for (int i = 0; i < 100; i++) {
      content(1);
      assertEquals(1, time.waiting());
    }
  }

  /** What arrived meanwhile is read before the timer looks. */
  @Test
  void aTokenThatCameWhileTheLoopWasHeldCounts() {
    admitted(true);
    content(10);

    time.hold(3000);
    time.execute(flight::content);
    time.advance(INTER_TOKEN_MS - 1);
    assertEquals(List.of(), missed);

    time.advance(2);
    assertEquals(List.of(Phase.NEXT_TOKEN), missed);
  }
}
