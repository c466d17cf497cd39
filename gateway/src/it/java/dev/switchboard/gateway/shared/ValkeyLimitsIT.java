package dev.switchboard.gateway.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.admission.Asker;
import dev.switchboard.gateway.admission.Refusal.Reason;
import dev.switchboard.gateway.admission.Reservation;
import dev.switchboard.gateway.admission.TenantLimits;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import dev.switchboard.timers.VertxTimers;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.redis.client.Command;
import io.vertx.redis.client.Redis;
import io.vertx.redis.client.Request;
import io.vertx.redis.client.Response;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Gateways' shared limits at a real Valkey: races, lost words, a server that stands still or
 * forgets, a gateway that dies. What is reserved is so much of a limit that it does not come back
 * by itself while a test runs.
 */
class ValkeyLimitsIT {
  private static final int PROMPT_MS = 5000;

  /** Of a gateway whose word is believed for as long as any test lasts. */
  private static final int LONG_LEASE_MS = 60_000;

  /** For answers that do not come; those that come take less, on a busy machine too. */
  private static final int SHORT_MS = 500;

  /** Of a gateway that dies; it renews its word three times as often. */
  private static final int SHORT_LEASE_MS = 3000;

  private static final int RENEWED_EVERY_MS = 4000;

  private static final Vertx VERTX = Vertx.vertx();
  private static ValkeyServer valkey;
  private static Redis redis;

  private final List<ValkeyLimits> gateways = new ArrayList<>();
  private final AtomicInteger failures = new AtomicInteger();
  private final Stopwatch begun = Stopwatch.start();
  private TenantLimits.Limit limit = TenantLimits.Limit.NONE;

  /** By which a gateway knows when to ask the server again. */
  private volatile LongSupplier clock = begun::nanos;

  @BeforeAll
  static void begin() throws Exception {
    valkey = new ValkeyServer();
    redis = Redis.createClient(VERTX, valkey.url());
  }

  @AfterAll
  static void end() {
    wait(VERTX.close());
    valkey.close();
  }

  @BeforeEach
  void forgets() {
    told(Command.FLUSHALL);
  }

  @AfterEach
  void close() {
    gateways.forEach(gateway -> wait(gateway.close()));
  }

  private static <T> T wait(Future<T> future) {
    return future
        .toCompletionStage()
        .toCompletableFuture()
        .orTimeout(Await.LIMIT_SECONDS, TimeUnit.SECONDS)
        .join();
  }

  private static String told(Command command, String... arguments) {
    Request request = Request.cmd(command);
    for (String argument : arguments) {
      request.arg(argument);
    }
    return wait(redis.send(request).map(String::valueOf));
  }

  private static List<String> list(Command command, String... arguments) {
    Request request = Request.cmd(command);
    for (String argument : arguments) {
      request.arg(argument);
    }
    return wait(
        redis
            .send(request)
            .map(
                told -> told == null ? List.of() : told.stream().map(Response::toString).toList()));
  }

  private static void awaitCounts(String... counts) {
    Await.until("counts", ValkeyLimitsIT::counts, List.of(counts)::equals);
  }

  private static void awaitPlace(ValkeyLimits gateway) {
    Await.until("a place", () -> refused(gateway, 1) == null);
  }

  private ValkeyLimits gateway() {
    return gateway(VERTX, valkey.url(), PROMPT_MS, LONG_LEASE_MS);
  }

  private ValkeyLimits gateway(Vertx vertx, String url, int timeoutMs, int leaseMs) {
    ValkeyLimits made =
        new ValkeyLimits(
            vertx,
            new VertxTimers(vertx),
            new SharedConfig(url, timeoutMs, 10, leaseMs, 0),
            tenant -> limit,
            () -> 1,
            () -> clock.getAsLong(),
            failures::incrementAndGet);
    if (vertx.equals(VERTX)) {
      gateways.add(made);
    }
    Void _ = wait(made.ready());
    return made;
  }

  private void limit(int requests, int tokens, int atOnce) {
    limit = new TenantLimits.Limit(1, requests, tokens, atOnce, Slo.MAX_PRIORITY);
  }

  /** Of somebody who is not known when it comes again. */
  private static SharedLimits.Ask ask(long tokens, int places) {
    return new SharedLimits.Ask(tokens, places, Asker.NOBODY, () -> -1);
  }

  private static SharedLimits.Entry enter(ValkeyLimits gateway, long tokens) {
    return wait(gateway.enter("t", ask(tokens, 1)));
  }

  private static @Nullable Reason refused(ValkeyLimits gateway, long tokens) {
    return enter(gateway, tokens).spent();
  }

  private static Reservation held(ValkeyLimits gateway, long tokens) {
    SharedLimits.Entry entry = enter(gateway, tokens);
    assertEquals(null, entry.spent());
    return entry.held();
  }

  /** Of a thousand a minute, without what comes back while a test runs. */
  private static long tokensUsed() {
    List<String> time = list(Command.TIME);
    long now = Long.parseLong(time.get(0)) * 1_000_000 + Long.parseLong(time.get(1));
    String empty = told(Command.GET, "switchboard:{t}:tokens");
    return "null".equals(empty) ? 0 : Math.max(0, Math.round((Long.parseLong(empty) - now) / 6e4));
  }

  /** So many, but for those that came back since the test began. */
  private void assertUsed(long tokens) {
    long used = tokensUsed();
    long least = tokens - begun.millis() / 60 - 1;
    assertTrue(used <= tokens && used >= least, () -> used + " instead of " + tokens);
  }

  /** How many requests each gateway has, and until when that is believed. */
  private static List<String> places() {
    return places("t");
  }

  private static List<String> places(String tenant) {
    return list(Command.HVALS, "switchboard:{" + tenant + "}:places");
  }

  private static List<String> counts() {
    return places().stream().map(place -> place.substring(0, place.indexOf(' '))).sorted().toList();
  }

  @Test
  void requestsThatStartTogetherReserveNoMoreThanThereIs() {
    limit(0, 1000, 0);
    List<ValkeyLimits> two = List.of(gateway(), gateway());

    List<Future<SharedLimits.Entry>> entries = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      entries.add(two.get(i % 2).enter("t", ask(500, 1)));
    }

    wait(Future.join(entries));
    assertEquals(2, entries.stream().filter(entry -> entry.result().spent() == null).count());
    assertEquals(Reason.TENANT_TOKENS, refused(two.getFirst(), 500));
    assertUsed(1000);
  }

  @Test
  void whatWasReservedBecomesWhatWasUsed() throws Exception {
    limit(0, 1000, 0);
    ValkeyLimits one = gateway();
    ValkeyLimits other = gateway();
    Reservation less = held(one, 900);
    assertEquals(Reason.TENANT_TOKENS, refused(other, 500));

    less.settle(100, true);
    Await.until("tokens in use", ValkeyLimitsIT::tokensUsed, used -> used <= 100);
    Reservation more = held(other, 10);
    more.settle(1500, true);

    Await.until("tokens in use", ValkeyLimitsIT::tokensUsed, used -> used > 1500);
    assertEquals(Reason.TENANT_TOKENS, refused(one, 1));
  }

  @Test
  void aRequestThatNoReplicaSawCostsNothing() throws Exception {
    limit(3, 1000, 0);
    ValkeyLimits one = gateway();
    for (int i = 0; i < 12; i++) {
      held(one, 300).settle(0, false);
    }

    SharedLimits.Entry entry = enter(gateway(), 300);

    assertEquals("2", entry.headers().get("x-ratelimit-remaining-requests"));
    assertEquals("700", entry.headers().get("x-ratelimit-remaining-tokens"));
  }

  @Test
  void whatIsGivenBackIsMeasuredByTheLimitOfItsTime() throws Exception {
    limit(0, 1000, 0);
    ValkeyLimits one = gateway();
    Reservation reserved = held(one, 500);
    held(one, 400);

    limit(0, 100, 0);
    reserved.settle(0, true);

    // By the new limit it would be five minutes, and nothing be left of the other's.
    Await.until("tokens in use", ValkeyLimitsIT::tokensUsed, used -> used <= 400);
    assertUsed(400);
  }

  @Test
  void requestsAtOnceAreHeldByAllTogether() throws Exception {
    limit(0, 0, 3);
    ValkeyLimits one = gateway();
    ValkeyLimits other = gateway();
    Reservation first = held(one, 1);
    held(one, 1);
    SharedLimits.Entry third = enter(other, 1);
    SharedLimits.Entry fourth = enter(other, 1);

    assertEquals("0", third.headers().get("x-ratelimit-remaining-concurrency"));
    assertEquals(Reason.TENANT_CONCURRENCY, fourth.spent());
    assertEquals("3", fourth.headers().get("x-ratelimit-limit-concurrency"));
    assertEquals(List.of("1", "2"), counts());
    first.settle(1, true);
    awaitPlace(other);
  }

  @Test
  void aRequestCountsForEachOfItsAnswers() throws Exception {
    limit(0, 0, 8);
    ValkeyLimits one = gateway();
    ValkeyLimits other = gateway();
    SharedLimits.Entry six = wait(one.enter("t", ask(1, 6)));
    SharedLimits.Entry three = wait(other.enter("t", ask(1, 3)));
    SharedLimits.Entry two = wait(other.enter("t", ask(1, 2)));
    List<String> both = counts();
    six.held().settle(1, true);
    two.held().settle(1, true);
    awaitCounts();
    SharedLimits.Entry large = wait(one.enter("t", ask(1, 500)));

    assertEquals("2", six.headers().get("x-ratelimit-remaining-concurrency"));
    assertEquals(Reason.TENANT_CONCURRENCY, three.spent());
    assertEquals(null, two.spent());
    assertEquals(List.of("2", "6"), both);
    assertEquals(null, large.spent());
    assertEquals(Reason.TENANT_CONCURRENCY, refused(other, 1));
    large.held().settle(1, true);
    awaitPlace(other);
  }

  @Test
  void anyOrderOfEntriesAndEndsLeavesNothing() throws Exception {
    limit(0, 1_000_000, 5);
    List<ValkeyLimits> two = List.of(gateway(), gateway());
    Random random = new Random(7);
    Deque<Reservation> running = new ArrayDeque<>();
    int let = 0;
    for (int i = 0; i < 400; i++) {
      Reservation ending = random.nextInt(3) == 0 ? running.poll() : null;
      List<Future<SharedLimits.Entry>> entries = new ArrayList<>();
      for (int j = random.nextInt(4); j > 0; j--) {
        entries.add(two.get(random.nextInt(2)).enter("t", ask(10, 1 + random.nextInt(3))));
      }
      if (ending != null) {
        ending.settle(1, true);
      }
      wait(Future.join(entries));
      for (Future<SharedLimits.Entry> entry : entries) {
        if (entry.result().spent() == null) {
          running.add(entry.result().held());
          let++;
        }
      }
      assertTrue(running.size() <= 5, () -> "at once: " + running.size());
    }

    assertTrue(let > 50, "let in " + let);
    running.forEach(reservation -> reservation.settle(1, true));
    awaitCounts();
    assertEquals(0, failures.get());
  }

  @Test
  void aGatewayThatDiesHoldsItsPlacesNoLonger() throws Exception {
    limit(0, 0, 2);
    Vertx mortal = Vertx.vertx();
    ValkeyLimits dead = gateway(mortal, valkey.url(), PROMPT_MS, SHORT_LEASE_MS);
    ValkeyLimits living = gateway();
    held(dead, 1);
    held(dead, 1);
    String first = places().getFirst();
    assertEquals(Reason.TENANT_CONCURRENCY, refused(living, 1));

    // While it lives its word is renewed, though no request comes.
    Await.until("another word", () -> !places().contains(first));
    assertEquals(Reason.TENANT_CONCURRENCY, refused(living, 1));
    wait(mortal.close());

    awaitPlace(living);
    assertEquals(List.of("1"), counts());
  }

  @Test
  void aServerThatForgotHearsWhoIsThere() throws Exception {
    limit(0, 1000, 2);
    ValkeyLimits one = gateway(VERTX, valkey.url(), PROMPT_MS, SHORT_LEASE_MS);
    Reservation running = held(one, 500);
    held(one, 100);

    told(Command.FLUSHALL);

    awaitCounts("2");
    assertEquals(Reason.TENANT_CONCURRENCY, refused(gateway(), 1));
    assertEquals(0, tokensUsed());
    running.settle(200, true);
    awaitCounts("1");
    assertUsed(200);
  }

  @Test
  void aServerThatForgotHearsForHowManyEachCounts() throws Exception {
    limit(0, 0, 4);
    ValkeyLimits one = gateway(VERTX, valkey.url(), PROMPT_MS, SHORT_LEASE_MS);
    SharedLimits.Entry three = wait(one.enter("t", ask(1, 3)));
    SharedLimits.Entry single = wait(one.enter("t", ask(1, 1)));

    told(Command.FLUSHALL);

    awaitCounts("4");
    assertEquals(Reason.TENANT_CONCURRENCY, refused(gateway(), 1));
    three.held().settle(1, true);
    awaitCounts("1");
    single.held().settle(1, true);
    awaitCounts();
  }

  @Test
  void whatNobodyHasAnyMoreIsGivenBack() throws Exception {
    limit(0, 1000, 3);
    ValkeyLimits one = gateway(VERTX, valkey.url(), PROMPT_MS, SHORT_LEASE_MS);
    held(one, 100);
    held(gateway(), 400);
    Reservation last = held(one, 100);
    String kept =
        list(Command.KEYS, "switchboard:{t}:held:*").stream()
            .filter(this::ofTwo)
            .findAny()
            .orElseThrow();

    // As of an entry that came to the server when its request had long been over.
    told(Command.HSET, kept, "0", "400 1000 0");

    Await.until("two that are held", () -> list(Command.HKEYS, kept), held -> held.size() == 2);
    assertUsed(200);
    last.settle(100, true);
    awaitCounts("1", "1");
  }

  private boolean ofTwo(String kept) {
    return list(Command.HKEYS, kept).size() == 2;
  }

  @Test
  void aServerThatStandsStillBlocksNobodyAndKeepsNothing() throws Exception {
    limit(0, 1000, 3);
    ValkeyLimits one = gateway(VERTX, valkey.url(), SHORT_MS, 2 * SHORT_LEASE_MS);
    Reservation before = held(one, 10);
    before.settle(10, true);
    awaitCounts();
    long paused = begun.nanos();
    clock = () -> paused;
    valkey.pause();
    // With the third one it is known that nobody is there.
    List<Reservation> others = List.of(enter(one, 0).held(), enter(one, 0).held());
    SharedLimits.Entry entry = enter(one, 900);
    SharedLimits.Entry next = enter(one, 900);
    assertFalse(entry.held().counted());
    assertFalse(next.held().counted());
    assertNotEquals(0, failures.get());
    others.forEach(other -> other.settle(0, false));
    entry.held().settle(100, true);
    // Each look is a second later, so that no answer that is late keeps the gateway from asking.
    AtomicLong later = new AtomicLong(paused);
    clock = () -> later.addAndGet(1_000_000_000);
    valkey.resume();

    // Its entry is carried out now, behind its end; the other one still runs.
    awaitCounts("1");
    Await.until("tokens in use", ValkeyLimitsIT::tokensUsed, used -> used <= 110);
    next.held().settle(300, true);
    awaitCounts();
    assertUsed(410);
  }

  @Test
  void oneLateAnswerDoesNotOpenTheLimit() throws Exception {
    limit(60, 0, 0);
    ValkeyLimits one = gateway(VERTX, valkey.url(), SHORT_MS, LONG_LEASE_MS);
    long paused = begun.nanos();
    clock = () -> paused;
    valkey.pause();
    SharedLimits.Entry late = enter(one, 1);
    valkey.resume();

    List<SharedLimits.Entry> next = new ArrayList<>();
    for (int i = 0; i < 80; i++) {
      next.add(enter(one, 1));
    }

    assertFalse(late.held().counted());
    long passed = next.stream().filter(entry -> entry.spent() == null).count();
    assertTrue(next.stream().allMatch(entry -> entry.spent() != null || entry.held().counted()));
    // What was late is counted as well; one comes back each second.
    assertTrue(passed <= 60 + begun.millis() / 1000, () -> "" + passed);
  }

  @Test
  @Tag("timing")
  void lateAnswersKeepNobodyElsesLeaseFromBeingRenewed() throws Exception {
    limit(0, 0, 5);
    ValkeyLimits one = gateway(VERTX, valkey.url(), 300, 3 * RENEWED_EVERY_MS);
    List<String> tenants = IntStream.range(0, 40).mapToObj(number -> "t" + number).toList();
    tenants.forEach(tenant -> wait(one.enter(tenant, ask(1, 1))));
    List<List<String>> before = tenants.stream().map(ValkeyLimitsIT::places).toList();
    valkey.pause();
    // As many as are renewed at once.
    Await.until("failures", failures::get, count -> count >= 4);
    valkey.resume();
    Stopwatch resumed = Stopwatch.start();
    Await.until(
        "all are renewed",
        () ->
            IntStream.range(0, 40)
                .noneMatch(number -> places(tenants.get(number)).equals(before.get(number))));
    long tookMs = resumed.millis();
    assertTrue(tookMs < RENEWED_EVERY_MS / 2, () -> "the last one was renewed after " + tookMs);
  }

  @Test
  void anEndWhoseAnswerIsLostCountsOnce() throws Exception {
    limit(0, 1000, 0);
    try (LossyLink link = new LossyLink(valkey.url())) {
      ValkeyLimits lossy = gateway(VERTX, link.url(), SHORT_MS, LONG_LEASE_MS);
      held(gateway(), 400);
      Reservation reserved = held(lossy, 500);
      link.losesAnswers(true);
      reserved.settle(100, true);
      Await.until("failures", failures::get, count -> count >= 1);
      assertUsed(500);
      link.losesAnswers(false);

      wait(lossy.close());

      assertUsed(500);
    }
  }

  @Test
  void aRequestIsNotRefusedForTheOneBeforeIt() throws Exception {
    limit(0, 0, 1);
    try (LossyLink link = new LossyLink(valkey.url())) {
      ValkeyLimits lossy = gateway(VERTX, link.url(), SHORT_MS, LONG_LEASE_MS);
      Reservation first = held(lossy, 1);
      link.losesQuestions(true);
      first.settle(1, true);
      Await.until("failures", failures::get, count -> count >= 1);
      link.losesQuestions(false);
      assertEquals(Reason.TENANT_CONCURRENCY, refused(gateway(), 1));

      Await.until("one that is counted", () -> enter(lossy, 1).held().counted());
    }
  }
}
