package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.bench.FakeCollector.Mood;
import java.io.IOException;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class FakeCollectorTest {
  private static final int GONE = -1;

  private final PipedOutputStream moods = new PipedOutputStream();
  private final HttpClient client = HttpClient.newHttpClient();
  private FakeCollector collector;

  @BeforeEach
  void start() throws IOException {
    collector = FakeCollector.start(new PipedInputStream(moods));
  }

  @AfterEach
  void stop() throws IOException {
    moods.close();
    client.close();
  }

  @Test
  void itAnswersAsItsMoodIs() throws Exception {
    assertEquals(200, status());
    become(Mood.FAILING);
    awaitStatus(503);
    become(Mood.DEAD);
    awaitStatus(GONE);
    become(Mood.GOOD);
    awaitStatus(200);
  }

  @Test
  void whomItKeptWaitingIsAnsweredWhenItGetsBetter() throws Exception {
    CompletableFuture<Integer> last = waiting();

    become(Mood.FAILING);

    assertEquals(503, last.get(20, TimeUnit.SECONDS));
  }

  @Test
  void whomItKeptWaitingIsCutOffWhenItDies() throws Exception {
    CompletableFuture<Integer> last = waiting();

    become(Mood.DEAD);

    assertEquals(GONE, last.get(20, TimeUnit.SECONDS));
    assertEquals(GONE, status());
  }

  /** One that a slow collector does not answer; the first ones may come before the mood. */
  private CompletableFuture<Integer> waiting() throws Exception {
    become(Mood.SLOW);
    CompletableFuture<Integer> last = answer();
    while (completes(last)) {
      last = answer();
    }
    return last;
  }

  private static boolean completes(CompletableFuture<Integer> answer) throws InterruptedException {
    for (int i = 0; i < 50 && !answer.isDone(); i++) {
      Thread.sleep(10);
    }
    return answer.isDone();
  }

  private void become(Mood mood) throws IOException {
    moods.write((mood.word() + "\n").getBytes(StandardCharsets.US_ASCII));
    moods.flush();
  }

  private void awaitStatus(int wanted) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (status() != wanted && System.nanoTime() < deadline) {
      Thread.sleep(5);
    }
    assertEquals(wanted, status());
  }

  private int status() throws Exception {
    return answer().get(20, TimeUnit.SECONDS);
  }

  private CompletableFuture<Integer> answer() {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + collector.port() + "/v1/traces"))
            .POST(HttpRequest.BodyPublishers.ofString("spans"))
            .build();
    return client
        .sendAsync(request, HttpResponse.BodyHandlers.discarding())
        .handle((answer, failure) -> answer == null ? GONE : answer.statusCode());
  }
}
