package dev.switchboard.gateway.kubernetes;

import dev.switchboard.gateway.discovery.DiscoveryStatus;
import dev.switchboard.gateway.discovery.DiscoveryStatus.State;
import dev.switchboard.gateway.discovery.DiscoveryStatus.Trouble;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.kubernetes.WatchPlan.Next;
import dev.switchboard.gateway.kubernetes.WatchPlan.Step;
import dev.switchboard.gateway.upstream.UpstreamClient;
import dev.switchboard.timers.Timers;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientResponse;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.DoubleSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps a {@link ObjectCache} as the API server has it: lists everything in pages, then watches
 * from where the list was, by the {@link WatchPlan}. What was known last holds whatever fails. An
 * answer that belongs to a step which is over says nothing any more.
 *
 * <p>On one event loop.
 */
final class Watch<T extends ApiObjects.Watched> {
  private static final Logger LOG = LoggerFactory.getLogger(Watch.class);

  /** Larger than any object that etcd takes. */
  static final int MOST_LINE_BYTES = 4 << 20;

  static final int MOST_PAGE_BYTES = 32 << 20;
  static final int MOST_OBJECTS = 20_000;
  private static final int PAGE = 250;
  private static final int MOST_REFUSAL_BYTES = 64 << 10;
  private static final long ANSWER_MS = 10_000;

  /** The server ends a watch after this long, so that watches spread over its replicas. */
  private static final int LEAST_WATCH_SECONDS = 240;

  private static final String JSON = "application/json";
  private static final Pattern SECONDS = Pattern.compile("[0-9]{1,5}");

  /**
   * What is watched.
   *
   * @param name for people
   * @param path of the list
   * @param query that narrows it, encoded; empty for none
   * @param type of each object
   * @param metadataOnly whether the server is to send no more than that
   */
  record Target<T>(String name, String path, String query, Class<T> type, boolean metadataOnly) {
    String accept(boolean list) {
      String kind = "PartialObjectMetadata" + (list ? "List" : "");
      return metadataOnly ? JSON + ";as=" + kind + ";g=meta.k8s.io;v=1," + JSON : JSON;
    }
  }

  /**
   * How long it waits for what.
   *
   * @param idleMs a watch may bring nothing
   * @param resyncMs between two lists
   */
  record Patience(long idleMs, long resyncMs) {}

  private final Timers timers;
  private final ApiServer server;
  private final Target<T> target;
  private final Patience patience;
  private final NanoClock clock;
  private final DoubleSupplier chance;
  private final Runnable changed;
  private final ObjectCache<T> ledger = new ObjectCache<>();
  private final WatchPlan course;
  private final long sinceNanos;
  private final Map<Trouble, Long> failures = new EnumMap<>(Trouble.class);
  private State state = State.LISTING;
  private @Nullable HttpClientResponse open;
  private @Nullable String failure;

  /** Rises with every step. */
  private int turn;

  private boolean stopped;
  private boolean known;
  private long events;
  private long heardNanos;
  private long listedNanos;
  private long eventNanos;
  private long failedNanos;
  private long stepNanos;

  /**
   * @param chance 0 to 1
   * @param changed run when anything is otherwise than before
   */
  Watch(
      Timers timers,
      ApiServer server,
      Target<T> target,
      Patience patience,
      NanoClock clock,
      DoubleSupplier chance,
      Runnable changed) {
    this.timers = timers;
    this.server = server;
    this.target = target;
    this.patience = patience;
    this.clock = clock;
    this.chance = chance;
    this.changed = changed;
    this.course = new WatchPlan(chance);
    this.sinceNanos = clock.epochNanos();
  }

  void start() {
    go(new Next(Step.LIST, 0));
  }

  void stop() {
    stopped = true;
    turn++;
    hangUp();
  }

  Target<T> target() {
    return target;
  }

  Collection<T> objects() {
    return ledger.objects();
  }

  /** The one of a namespace and name, with a slash between; null for none. */
  @Nullable T get(String key) {
    return ledger.get(key);
  }

  /** Whether everything was listed once. */
  boolean known() {
    return known;
  }

  /** Why it does not go on; null where it does. */
  @Nullable String trouble() {
    return state == State.WAITING ? failure : null;
  }

  /** Ends a watch that says nothing, and lists again what was listed long ago. */
  void tick() {
    long now = clock.epochNanos();
    if (state != State.WATCHING) {
      return;
    }
    if (now - Math.max(heardNanos, stepNanos) >= patience.idleMs() * 1_000_000) {
      fail(Step.WATCH, Trouble.SILENT, "it said nothing for " + patience.idleMs() + " ms", 0);
    } else if (now - listedNanos >= patience.resyncMs() * 1_000_000) {
      go(course.resync());
    }
  }

  DiscoveryStatus.Watch status() {
    return new DiscoveryStatus.Watch(
        target.name(),
        state,
        known ? Long.toString(ledger.revision()) : "",
        ledger.size(),
        events,
        sinceNanos / 1_000_000,
        heardNanos / 1_000_000,
        listedNanos / 1_000_000,
        eventNanos / 1_000_000,
        Map.copyOf(failures),
        failure,
        failedNanos / 1_000_000);
  }

  // ------------------------------------------------------------------ steps

  private void go(Next next) {
    turn++;
    hangUp();
    int mine = turn;
    if (next.waitMs() > 0) {
      state = State.WAITING;
      timers.after(next.waitMs(), () -> begin(next.step(), mine));
    } else {
      begin(next.step(), mine);
    }
  }

  private boolean over(int mine) {
    return stopped || mine != turn;
  }

  private void begin(Step step, int mine) {
    if (over(mine)) {
      return;
    }
    stepNanos = clock.epochNanos();
    if (step == Step.LIST || !known) {
      state = State.LISTING;
      page(null, new ArrayList<>(), mine);
    } else {
      state = State.WATCHING;
      watch(mine);
    }
  }

  private void hangUp() {
    HttpClientResponse answer = open;
    open = null;
    if (answer != null) {
      answer.request().reset();
    }
  }

  private void fail(Step step, Trouble why, String words, long retryAfterMs) {
    failures.merge(why, 1L, Long::sum);
    failedNanos = clock.epochNanos();
    boolean news = !words.equals(failure);
    failure = words;
    Next next = course.failed(step, why, retryAfterMs);
    if (news) {
      LOG.warn(
          "kubernetes_watch watch=\"{}\" trouble={} retry_ms={} reason=\"{}\"",
          target.name(),
          why.word(),
          next.waitMs(),
          words);
    } else {
      LOG.debug("kubernetes_watch watch=\"{}\" trouble={}", target.name(), why.word());
    }
    go(next);
  }

  private void broke(Step step, int mine, Throwable cause) {
    if (!over(mine)) {
      fail(step, Trouble.UNREACHABLE, String.valueOf(cause.getMessage()), 0);
    }
  }

  /** A refusal is read for its reason before the next step. */
  private void refused(Step step, int mine, HttpClientResponse answer) {
    int status = answer.statusCode();
    long retryAfterMs = retryAfterMs(answer.getHeader("Retry-After"));
    Future<Buffer> body = UpstreamClient.body(answer, MOST_REFUSAL_BYTES);
    answer.resume();
    body.timeout(ANSWER_MS, TimeUnit.MILLISECONDS)
        .transform(
            read ->
                Future.succeededFuture(
                    read.succeeded()
                        ? ApiObjects.status(read.result().getBytes())
                        : ApiObjects.status(new byte[0])))
        .onSuccess(
            said -> {
              if (!over(mine)) {
                refused(step, status, said, retryAfterMs);
              }
            });
  }

  private void refused(Step step, int status, ApiObjects.Status said, long retryAfterMs) {
    ApiObjects.Details details = said.details();
    Integer seconds = details == null ? null : details.retryAfterSeconds();
    long waitMs = seconds == null ? retryAfterMs : Math.max(retryAfterMs, seconds * 1000L);
    String message = said.message();
    String words =
        "status "
            + status
            + (message == null ? "" : ": " + message.substring(0, Math.min(200, message.length())));
    fail(step, trouble(status, waitMs), words, waitMs);
  }

  private static Trouble trouble(int status, long retryAfterMs) {
    return switch (status) {
      case 401 -> Trouble.UNAUTHORIZED;
      case 403 -> Trouble.FORBIDDEN;
      case 404 -> Trouble.NOT_FOUND;
      case 410 -> Trouble.GONE;
      case 429 -> Trouble.THROTTLED;
      default -> retryAfterMs > 0 ? Trouble.THROTTLED : Trouble.REFUSED;
    };
  }

  private static long retryAfterMs(@Nullable String header) {
    Matcher seconds = SECONDS.matcher(header == null ? "" : header.strip());
    return seconds.matches() ? Long.parseLong(seconds.group()) * 1000 : 0;
  }

  // ------------------------------------------------------------------ list

  private void page(@Nullable String from, List<T> before, int mine) {
    String query =
        "limit="
            + PAGE
            + (from == null ? "" : "&continue=" + URLEncoder.encode(from, StandardCharsets.UTF_8));
    server
        .get(path(query), target.accept(true), ANSWER_MS)
        .onSuccess(answer -> pageAnswered(answer, before, mine))
        .onFailure(cause -> broke(Step.LIST, mine, cause));
  }

  private String path(String query) {
    return target.path() + "?" + query + (target.query().isEmpty() ? "" : "&" + target.query());
  }

  private void pageAnswered(HttpClientResponse answer, List<T> before, int mine) {
    if (over(mine)) {
      answer.request().reset();
    } else if (answer.statusCode() != 200) {
      refused(Step.LIST, mine, answer);
    } else {
      open = answer;
      Future<Buffer> body = UpstreamClient.body(answer, MOST_PAGE_BYTES);
      answer.resume();
      body.timeout(ANSWER_MS, TimeUnit.MILLISECONDS)
          .onSuccess(read -> pageRead(read, before, mine))
          .onFailure(cause -> broke(Step.LIST, mine, cause));
    }
  }

  private void pageRead(Buffer body, List<T> before, int mine) {
    if (over(mine)) {
      return;
    }
    open = null;
    ApiObjects.Page<T> page;
    try {
      page = ApiObjects.page(body.getBytes(), target.type());
    } catch (IOException e) {
      fail(Step.LIST, Trouble.MALFORMED, "a list that cannot be read: " + e.getMessage(), 0);
      return;
    }
    if (page.items() != null) {
      for (T item : page.items()) {
        ApiObjects.Meta meta = item == null ? null : item.metadata();
        if (meta == null || meta.name() == null) {
          fail(Step.LIST, Trouble.MALFORMED, "a list with an object without a name", 0);
          return;
        }
        before.add(item);
      }
    }
    if (before.size() > MOST_OBJECTS) {
      fail(Step.LIST, Trouble.TOO_LARGE, "more than " + MOST_OBJECTS + " objects", 0);
      return;
    }
    ApiObjects.ListMeta meta = Objects.requireNonNull(page.metadata(), "checked when it was read");
    if (meta.next() != null && !meta.next().isEmpty()) {
      page(meta.next(), before, mine);
    } else {
      listed(before, ObjectCache.number(Objects.requireNonNull(meta.resourceVersion())));
    }
  }

  private void listed(List<T> items, long revision) {
    long now = clock.epochNanos();
    switch (ledger.replace(items, revision, now)) {
      case OLDER ->
          fail(Step.LIST, Trouble.STALE_LIST, "a list that is older than what is known", 0);
      case DOUBTED -> {
        LOG.warn(
            "kubernetes_list_doubted watch=\"{}\" known={} listed={}",
            target.name(),
            ledger.size(),
            items.size());
        go(course.doubted());
      }
      case TAKEN -> {
        if (!known || failure != null) {
          LOG.info("kubernetes_listed watch=\"{}\" objects={}", target.name(), items.size());
        }
        known = true;
        heardNanos = now;
        listedNanos = now;
        changed.run();
        go(course.listed());
      }
    }
  }

  // ------------------------------------------------------------------ watch

  private void watch(int mine) {
    int seconds = LEAST_WATCH_SECONDS + (int) (chance.getAsDouble() * LEAST_WATCH_SECONDS / 4);
    String query =
        "watch=1&allowWatchBookmarks=true&timeoutSeconds="
            + seconds
            + "&resourceVersion="
            + ledger.revision();
    server
        .get(path(query), target.accept(false), ANSWER_MS)
        .onSuccess(answer -> watchAnswered(answer, mine))
        .onFailure(cause -> broke(Step.WATCH, mine, cause));
  }

  private void watchAnswered(HttpClientResponse answer, int mine) {
    if (over(mine)) {
      answer.request().reset();
      return;
    }
    if (answer.statusCode() != 200) {
      refused(Step.WATCH, mine, answer);
      return;
    }
    open = answer;
    heardNanos = clock.epochNanos();
    failure = null;
    LineSplitter lines = new LineSplitter(MOST_LINE_BYTES, line -> line(line, mine));
    answer.handler(
        piece -> {
          if (!over(mine) && !lines.add(piece) && !over(mine)) {
            fail(
                Step.WATCH,
                Trouble.TOO_LARGE,
                "an event of more than " + MOST_LINE_BYTES + " bytes",
                0);
          }
        });
    answer.exceptionHandler(cause -> broke(Step.WATCH, mine, cause));
    answer.endHandler(
        ended -> {
          if (!over(mine)) {
            open = null;
            go(course.ended(clock.epochNanos() - stepNanos));
          }
        });
    answer.resume();
  }

  private void line(byte[] line, int mine) {
    if (over(mine)) {
      return;
    }
    ApiObjects.Event<T> event;
    try {
      event = ApiObjects.event(line, target.type());
    } catch (IOException e) {
      fail(Step.WATCH, Trouble.MALFORMED, "an event that cannot be read: " + e.getMessage(), 0);
      return;
    }
    heardNanos = clock.epochNanos();
    switch (event) {
      case ApiObjects.Put<T> put -> took(ledger.put(put.object()));
      case ApiObjects.Delete<T> delete -> took(ledger.delete(delete.object()));
      case ApiObjects.Bookmark<T> bookmark -> {
        course.heard();
        ledger.reached(ObjectCache.number(bookmark.revision()));
      }
      case ApiObjects.Failed<T> failed -> {
        Integer code = failed.status().code();
        refused(Step.WATCH, code == null ? 500 : code, failed.status(), 0);
      }
    }
  }

  private void took(boolean news) {
    course.heard();
    events++;
    if (news) {
      eventNanos = heardNanos;
      changed.run();
      if (ledger.size() > MOST_OBJECTS) {
        fail(Step.LIST, Trouble.TOO_LARGE, "more than " + MOST_OBJECTS + " objects", 0);
      }
    }
  }
}
