package dev.switchboard.gateway.stream;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.vertx.core.http.HttpClientResponse;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class AnswerMemoryTest {
  private final AnswerMemory memory = new AnswerMemory(100);
  private final List<String> told = new ArrayList<>();

  /** An answer that tells when it is paused and resumed, and has had what is free. */
  private AnswerMemory.Share open(String name) {
    AnswerMemory.Share share = fresh(name);
    share.took(AnswerMemory.FREE_BYTES);
    return share;
  }

  private AnswerMemory.Share fresh(String name) {
    return memory.open(
        (HttpClientResponse)
            Proxy.newProxyInstance(
                HttpClientResponse.class.getClassLoader(),
                new Class<?>[] {HttpClientResponse.class},
                (proxy, method, arguments) -> {
                  told.add(method.getName() + " " + name);
                  return proxy;
                }));
  }

  @Test
  void belowTheLimitNobodyWaits() {
    AnswerMemory.Share first = open("a");
    AnswerMemory.Share second = open("b");

    first.took(50);
    second.took(50);

    assertEquals(List.of(), told);
    assertEquals(100, memory.held());
  }

  @Test
  void aboveItAnswersWaitUntilClientsTookTheirs() {
    AnswerMemory.Share taken = open("a");
    taken.took(80);
    taken.complete();
    AnswerMemory.Share waiting = open("b");
    waiting.took(30);
    assertEquals(List.of("pause b"), told);

    taken.close();

    assertEquals(List.of("pause b", "resume b"), told);
    assertEquals(30, memory.held());
  }

  @Test
  void theOldestGoesOnWhereNoneIsComplete() {
    AnswerMemory.Share oldest = open("a");
    AnswerMemory.Share other = open("b");
    other.took(60);

    oldest.took(60);
    other.took(1);
    oldest.took(60);

    assertEquals(List.of("pause b"), told);
  }

  @Test
  void anOlderAnswerThatHoldsNothingHoldsUpNobody() {
    AnswerMemory.Share silent = fresh("a");
    AnswerMemory.Share small = open("b");
    AnswerMemory.Share large = open("c");

    large.took(200);
    large.took(200);

    assertEquals(List.of(), told);
    silent.close();
    small.close();
    large.close();
    assertEquals(0, memory.held());
  }

  @Test
  void anOlderAnswerThatBeginsToHoldSomethingGoesBeforeTheYoungerOnes() {
    AnswerMemory.Share older = open("a");
    AnswerMemory.Share younger = open("b");
    younger.took(200);

    older.took(1);
    younger.took(1);
    older.took(200);
    older.complete();
    older.close();

    assertEquals(List.of("pause b", "resume b"), told);
  }

  @Test
  void whenTheOldestIsGivenUpTheNextOneGoesOn() {
    AnswerMemory.Share oldest = open("a");
    AnswerMemory.Share next = open("b");
    AnswerMemory.Share last = open("c");
    oldest.took(10);
    next.took(60);
    last.took(60);
    next.took(60);
    assertEquals(List.of("pause c", "pause b"), told);

    oldest.close();

    assertEquals(List.of("pause c", "pause b", "resume b"), told);
  }

  @Test
  void aCompleteAnswerThatNobodyTakesHoldsUpEvenTheOldest() {
    AnswerMemory.Share complete = open("a");
    complete.took(101);
    complete.complete();

    open("b").took(1);

    assertEquals(List.of("pause b"), told);
  }

  @Test
  void whatIsSmallNeverWaitsForWhatIsLarge() {
    AnswerMemory.Share large = open("a");
    large.took(101);
    large.complete();

    AnswerMemory.Share small = fresh("b");
    small.took(AnswerMemory.FREE_BYTES);

    assertEquals(List.of(), told);
    assertEquals(101, memory.held());
  }

  @Test
  void whatIsClosedTwiceOrTellsOfBytesAfterwardsCountsOnce() {
    AnswerMemory.Share share = open("a");
    share.took(40);

    share.close();
    share.took(7);
    share.complete();
    share.close();

    assertEquals(0, memory.held());
    assertEquals(List.of(), told);
  }
}
