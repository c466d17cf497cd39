package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who gets at a worker by its port: attacks in raw bytes, and those who may. */
class WorkerDoorIT {
  private static final String SECRET = "a-secret-of-the-fleet";
  private static final String DRAIN = "POST /engine/v1/drain HTTP/1.1\r\nHost: localhost\r\n";
  private static final String STATE = "GET /engine/v1/state HTTP/1.1\r\nHost: localhost\r\n";
  private static final String LAST = "Connection: close\r\n\r\n";

  private final WorkerFixture open = new WorkerFixture(WorkerFixture.answering("ok")).serve();
  private final WorkerFixture guarded =
      new WorkerFixture(
              WorkerFixture.answering("ok"), UnaryOperator.identity(), FleetSecret.of(null, SECRET))
          .serve();

  @AfterEach
  void close() {
    open.close();
    guarded.close();
  }

  private static int status(WorkerFixture worker, String request) throws IOException {
    String answer = WorkerFixture.readAll(worker.raw(request));
    assertTrue(answer.startsWith("HTTP/1."), answer);
    return Integer.parseInt(answer.substring(9, 12));
  }

  private static WorkerPhase phase(WorkerFixture worker) {
    return worker.worker().lifecycle().phase();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: text/plain; application/json\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: multipart/form-data; boundary=x\r\n",
        "Content-Type: application/jsonp\r\n"
      })
  void aWebPageCannotDrainByASimplePost(String type) throws IOException {
    String post = DRAIN + "Origin: http://evil.example\r\n" + type + "Content-Length: 0\r\n";

    assertEquals(415, status(open, post + LAST));
    assertEquals(WorkerPhase.READY, phase(open));
  }

  @Test
  void aWebPageCannotSpendComputeByASimplePost() throws IOException {
    String post =
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
            + "Content-Length: 38\r\n\r\n{\"model\":\"test-model\",\"prompt\":[1,2,3]}";

    assertEquals(415, status(open, post));
  }

  @ParameterizedTest
  @ValueSource(strings = {"evil.example", "evil.example:80", "localhost.evil.example", "[::2]"})
  void aNameMadeToPointHereReadsNoState(String host) throws IOException {
    String rebound = "\r\nHost: " + host + "\r\n" + LAST;

    assertEquals(421, status(open, "GET /engine/v1/state HTTP/1.1" + rebound));
    assertEquals(421, status(open, "GET /v1/models HTTP/1.1" + rebound));
  }

  @Test
  void aRequestWithoutAHostReadsNoState() throws IOException {
    assertEquals(421, status(open, "GET /engine/v1/state HTTP/1.0\r\n\r\n"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"localhost", "LOCALHOST:1", "127.0.0.1:8000", "[::1]:8000"})
  void namesOfThisMachineAreKnown(String host) throws IOException {
    assertEquals(
        200, status(open, "GET /engine/v1/state HTTP/1.1\r\nHost: " + host + "\r\n" + LAST));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "Authorization: \r\n",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer a-secret-of-the-fleeT\r\n",
        "Authorization: Bearer a-secret-of-the-flee\r\n",
        "Authorization: Bearer a-secret-of-the-fleet2\r\n",
        "Authorization: Basic a-secret-of-the-fleet\r\n",
        "X-Authorization: Bearer a-secret-of-the-fleet\r\n"
      })
  void whoHasNotTheSecretGetsNothing(String header) throws IOException {
    String json = "Content-Type: application/json\r\nContent-Length: 0\r\n";

    assertEquals(401, status(guarded, STATE + header + LAST));
    assertEquals(401, status(guarded, DRAIN + json + header + LAST));
    assertEquals(WorkerPhase.READY, phase(guarded));
  }

  @Test
  void aSecretBesideAnotherIsRefused() throws IOException {
    String two = "Authorization: Bearer " + SECRET + "\r\nAuthorization: Bearer x\r\n";

    assertEquals(400, status(guarded, STATE + two + LAST));
  }

  @Test
  void whoHasTheSecretIsServedByAnyName() throws IOException {
    String secret = "Authorization: Bearer " + SECRET + "\r\n";
    String named = STATE.replace("localhost", "gpu-7.example");

    assertEquals(200, status(guarded, named + secret + LAST));
    assertEquals(415, status(guarded, DRAIN + secret + "Content-Length: 0\r\n" + LAST));
  }

  @Test
  void probesAreForEverybody() throws IOException {
    String probe = "GET /readyz HTTP/1.1\r\nHost: gpu-7.example\r\n" + LAST;

    assertEquals(200, status(open, probe));
    assertEquals(200, status(guarded, probe));
  }
}
