package dev.switchboard.gateway.stream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.flight.AttemptResult;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.openai.ApiError;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.net.impl.ConnectionBase;
import java.io.IOException;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.nio.channels.ClosedChannelException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EventRelayTest {
  private final StringBuilder written = new StringBuilder();
  private final List<EventRelay.Break> breaks = new ArrayList<>();
  private final List<ApiError> refusals = new ArrayList<>();
  private final Replay replay = new Replay(1000);
  private @Nullable Handler<Buffer> upstream;
  private @Nullable Handler<Throwable> breaking;
  private boolean memoryIsShort;
  private boolean foreign;
  private int ends;
  private Future<Void> write = Future.succeededFuture();
  private int resets;
  private int gaps;

  private static <T> T fake(Class<T> type, InvocationHandler handler) {
    return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
  }

  @SuppressWarnings("unchecked") // the one handler that takes bytes
  private void start() {
    HttpServerResponse client =
        fake(
            HttpServerResponse.class,
            (proxy, method, arguments) -> {
              if (method.getName().equals("write")) {
                written.append(arguments[0]);
                return write;
              }
              resets += method.getName().equals("reset") ? 1 : 0;
              return method.getReturnType() == boolean.class ? (Object) false : null;
            });
    HttpClientResponse answer =
        fake(
            HttpClientResponse.class,
            (proxy, method, arguments) -> {
              if (method.getName().equals("handler")) {
                upstream = (Handler<Buffer>) arguments[0];
              } else if (method.getName().equals("exceptionHandler")) {
                breaking = (Handler<Throwable>) arguments[0];
              }
              return proxy;
            });
    relay(client).start(answer);
  }

  private EventRelay relay(HttpServerResponse client) {
    return new EventRelay(
        new Flight("r", () -> 1),
        client,
        null,
        this::gap,
        foreign ? null : replay,
        false,
        new Listener());
  }

  private void send(String text) {
    Handler<Buffer> handler = upstream;
    if (handler != null) {
      handler.handle(Buffer.buffer(text));
    }
  }

  private void dies(Throwable cause) {
    Handler<Throwable> handler = breaking;
    if (handler != null) {
      handler.handle(cause);
    }
  }

  private static String token(int number) {
    return "data: {\"choices\":[{\"delta\":{\"content\":\""
        + number
        + "\"}}]}\n\n:tokens 0/0:"
        + number
        + "\n\n";
  }

  /** Held back, it would be no first token, and end in a deadline while a server thinks. */
  @ParameterizedTest
  @ValueSource(strings = {"reasoning", "reasoning_content", "refusal", "thinking"})
  void whateverADeltaSaysIsPassedOnAtOnceAndCounts(String member) {
    String opening = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n";
    String said = "data: {\"choices\":[{\"delta\":{\"" + member + "\":\"x\"}}]}\n\n";
    foreign = true;
    start();

    send(opening);
    String before = written.toString();
    send(said);
    String first = written.toString();
    send(said);

    assertEquals("", before);
    assertEquals(opening + said, first);
    assertEquals(opening + said + said, written.toString());
    assertEquals(1, gaps);
  }

  @Test
  void aStreamWithAHoleGoesNoFurtherAndNobodyGoesOnWithIt() {
    start();
    send(":answer a 1 2 3\n\n" + token(0));
    send(token(1));
    String before = written.toString();

    memoryIsShort = true;
    send(token(2));
    memoryIsShort = false;
    send(token(3) + "data: [DONE]\n\n");

    assertEquals(before, written.toString());
    assertEquals(1, breaks.size());
    assertFalse(breaks.getFirst().movable());
    assertFalse(replay.complete());
    assertEquals(AttemptResult.ABANDONED, breaks.getFirst().result());
  }

  @Test
  void aStreamThatEndsEarlyIsItsReplicasFailure() {
    start();
    send(":answer a 1 2 3\n\n" + token(0));

    dies(new IOException("reset"));

    assertEquals(AttemptResult.FAILED, breaks.getFirst().result());
  }

  @Test
  void whatTheClientDoesNotHaveYetIsNotCounted() {
    start();
    send(":answer a 1 2 3\n\n" + token(0) + token(1));
    assertEquals(1, gaps);

    send("data: {\"choices\":[{\"delta\":{\"content\":\"2\"}}]}\n\n");
    assertEquals(1, gaps);
    send(":tokens 0/0:2\n\n");

    assertEquals(2, gaps);
  }

  @Test
  void whatIsLeftOfABrokenStreamTellsHowManyPiecesItHas() {
    start();
    send(":answer a 1 2 3\n\n" + token(0));
    send("data: {\"choices\":[{\"delta\":{\"content\":\"1\"}}]}\n\n");

    send("data: {\"error\":{\"message\":\"m\",\"code\":\"step_failed\"}}\n\n");

    assertEquals(0, gaps);
    assertEquals(1, breaks.getFirst().pieces());
    assertTrue(breaks.getFirst().movable());
  }

  @Test
  void anErrorThatTheRequestBroughtAboutIsNoBreak() {
    ApiError error = ApiError.unmet("cut_by_stop", "stop", "m");
    start();

    send(":answer a 1 2 3\n\n" + token(0) + "data: " + error.toJson() + "\n\n");

    assertTrue(written.toString().endsWith("data: " + error.toJson() + "\n\n"));
    assertEquals(List.of("cut_by_stop"), refusals.stream().map(ApiError::code).toList());
    assertEquals(List.of(), breaks);
    assertEquals(0, ends);
  }

  @Test
  void aWriteThatFailsOnAConnectionThatStaysClosesIt() {
    start();
    send(":answer a 1 2 3\n\n" + token(0));
    write = Future.failedFuture(new ClosedChannelException());
    send(token(1));
    write = Future.failedFuture(ConnectionBase.CLOSED_EXCEPTION);
    send(token(1));
    assertEquals(0, resets);

    write = Future.failedFuture(new OutOfMemoryError("direct"));
    send(token(2));

    assertEquals(1, resets);
  }

  @Test
  void aWorkerThatDiesBehindTheEndOfItsAnswerIsNotGoneOnWith() {
    start();
    send(":answer a 1 2 3\n\n" + token(0));
    send("data: {\"choices\":[{\"delta\":{\"content\":\"1\"}}]}\n\ndata: [DONE]\n\n");

    dies(new ClosedChannelException());

    assertTrue(written.toString().endsWith("data: [DONE]\n\n"));
    assertEquals(1, ends);
    assertEquals(List.of(), breaks);
  }

  /** Fails as anything does that wants memory where there is none. */
  private void gap(double seconds) {
    if (memoryIsShort) {
      throw new OutOfMemoryError("wanted for " + seconds);
    }
    gaps++;
  }

  private final class Listener implements EventRelay.Listener {
    @Override
    public void speaks() {}

    @Override
    public void committing() {}

    @Override
    public void heard() {}

    @Override
    public void resumed() {}

    @Override
    public void stalled() {}

    @Override
    public void ended() {
      ends++;
    }

    @Override
    public void refused(ApiError error) {
      refusals.add(error);
    }

    @Override
    public void broken(EventRelay.Break how) {
      breaks.add(how);
    }
  }
}
