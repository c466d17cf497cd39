package dev.switchboard.gateway.bench;

import dev.switchboard.gateway.bench.ChaosClient.Question;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Clients of several classes that ask at random moments, however many of their questions are still
 * open: an open loop, which an overloaded server does not slow down. Who is refused comes back once
 * with the same question, exactly as long after the refusal as it was told. All times count from
 * the moment at which a question was to be sent.
 */
final class OpenClients {
  /** Who was told to come back later than this is not waited for. */
  private static final int LONGEST_TOLD_SECONDS = 600;

  private final InetSocketAddress address;
  private final ClientLedger ledger;
  private final List<Thread> threads = new ArrayList<>();
  private final List<Asked> asked = new ArrayList<>();

  OpenClients(InetSocketAddress address, ClientLedger ledger) {
    this.address = address;
    this.ledger = ledger;
  }

  /**
   * A class of clients.
   *
   * @param headers whole lines that say how urgent they are
   * @param stream whether it wants tokens as they come; else the whole answer at once
   * @param tokens of each answer
   * @param targetMs within which a good answer begins; 0 for none
   */
  record Kind(String name, String headers, boolean stream, int tokens, int targetMs) {
    Question question(String model, int seed, String more) {
      return Question.of(model, stream, tokens, seed, more).with(headers);
    }
  }

  /** One question, and what became of it. */
  static final class Asked {
    private final Kind kind;
    private final long intendedNanos;
    private @Nullable AnswerLog answer;
    private @Nullable AnswerLog second;
    private long endedNanos;
    private long secondEndedNanos;
    private int toldSeconds;

    private Asked(Kind kind, long intendedNanos) {
      this.kind = kind;
      this.intendedNanos = intendedNanos;
    }

    Kind kind() {
      return kind;
    }

    /** Status of the first answer; 0 for none. */
    int status() {
      return answer == null ? 0 : answer.status();
    }

    boolean refused() {
      return status() == 429 || status() == 503 || status() == 504;
    }

    /** Why it was refused; empty where it was not. */
    String reason() {
      return answer == null || !refused() ? "" : answer.header("X-Switchboard-Reason");
    }

    /** How many seconds later it was to come back; 0 for never. */
    int toldSeconds() {
      return toldSeconds;
    }

    /** What the refusal says. */
    String said() {
      return answer == null ? "" : answer.said().strip();
    }

    boolean served() {
      return answer != null && answer.good();
    }

    /** Whether it came back. */
    boolean cameBack() {
      return second != null && second.status() > 0;
    }

    boolean servedThen() {
      return second != null && second.good();
    }

    /** Until its first token, or until its end where it came as a whole. */
    double firstMs() {
      long first = answer == null || answer.firstNanos() == 0 ? endedNanos : answer.firstNanos();
      return (first - intendedNanos) / 1e6;
    }

    /** The same of the answer of whoever came back, from the refusal on. */
    double firstThenMs() {
      long first =
          second == null || second.firstNanos() == 0 ? secondEndedNanos : second.firstNanos();
      return (first - endedNanos) / 1e6;
    }

    boolean inTime() {
      return served() && (kind.targetMs == 0 || firstMs() <= kind.targetMs);
    }
  }

  private static int told(AnswerLog answer) {
    String after = answer.header("Retry-After");
    return after.matches("[0-9]{1,9}") ? Integer.parseInt(after) : 0;
  }

  /**
   * Questions of one class at random moments, the same ones for a seed, on a thread of its own.
   *
   * @param perSecond on average
   * @param more members of each question
   */
  void ask(Kind kind, double perSecond, double seconds, int seed, String model, String more) {
    Thread arrivals =
        Thread.ofPlatform()
            .start(
                () -> {
                  SplittableRandom random = new SplittableRandom(seed);
                  long next = System.nanoTime();
                  long end = next + (long) (seconds * 1e9);
                  for (int number = 0; next < end; number++) {
                    Target.pauseUntil(next);
                    begin(kind, next, kind.question(model, seed * 1_000_000 + number, more));
                    next += (long) (-Math.log(1 - random.nextDouble()) / perSecond * 1e9);
                  }
                });
    synchronized (threads) {
      threads.add(arrivals);
    }
  }

  private void begin(Kind kind, long intended, Question question) {
    Asked one = new Asked(kind, intended);
    synchronized (asked) {
      asked.add(one);
    }
    Thread thread = Thread.ofVirtual().start(() -> course(one, question));
    synchronized (threads) {
      threads.add(thread);
    }
  }

  private void course(Asked one, Question question) {
    AnswerLog first = exchange(question);
    long ended = System.nanoTime();
    one.answer = first;
    one.endedNanos = ended;
    int seconds = first == null || !one.refused() ? 0 : told(first);
    one.toldSeconds = seconds;
    if (seconds > 0 && seconds <= LONGEST_TOLD_SECONDS) {
      Target.pauseUntil(ended + seconds * 1_000_000_000L);
      one.second = exchange(question);
      one.secondEndedNanos = System.nanoTime();
    }
  }

  private @Nullable AnswerLog exchange(Question question) {
    try (ChaosClient client = new ChaosClient(address, ledger)) {
      AnswerLog answer = client.send(question);
      client.read(answer);
      return answer;
    } catch (IOException e) {
      return null;
    }
  }

  /** What became of every question, once all are over. */
  List<Asked> rest() {
    for (int i = 0; i < threads(); i++) {
      try {
        thread(i).join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted", e);
      }
    }
    synchronized (asked) {
      return List.copyOf(asked);
    }
  }

  private int threads() {
    synchronized (threads) {
      return threads.size();
    }
  }

  private Thread thread(int number) {
    synchronized (threads) {
      return threads.get(number);
    }
  }
}
