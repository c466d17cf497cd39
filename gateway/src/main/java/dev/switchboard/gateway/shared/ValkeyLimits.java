package dev.switchboard.gateway.shared;

import dev.switchboard.gateway.admission.Asker;
import dev.switchboard.gateway.admission.RateLimitHeaders;
import dev.switchboard.gateway.admission.Refusal.Reason;
import dev.switchboard.gateway.admission.Reservation;
import dev.switchboard.gateway.admission.TenantLimits;
import dev.switchboard.gateway.admission.TenantUse;
import dev.switchboard.timers.Timers;
import dev.switchboard.timers.Timers.Timer;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.redis.client.Command;
import io.vertx.redis.client.Redis;
import io.vertx.redis.client.RedisOptions;
import io.vertx.redis.client.Request;
import io.vertx.redis.client.Response;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Holds the limits in a Valkey. Each entry is one call of a script that reads, decides and writes
 * in one step, by the server's clock, so gateways neither race nor need clocks that agree. It
 * reserves the tokens that the request is expected to take and its place among the tenant's
 * requests at once. At the end another script makes the reserved tokens those that were used.
 *
 * <p>The server keeps requests by gateway and number, and the end of one that is not there changes
 * nothing. So an end whose answer is lost can be told again, and each entry tells the ends that may
 * not have arrived, lest a request be refused for the one before it.
 *
 * <p>A gateway that dies cannot tell the ends of its requests. What the server knows of a gateway
 * is therefore believed for {@code lease-ms} only, and said anew three times in that time: of each
 * tenant, which requests it has. That also repairs what was lost in between, on either side. A
 * gateway goes by a name made up at its start, so one that comes back is not taken for the one that
 * died.
 *
 * <p>A request that is counted here is not held to the gateway's own limits per minute as well,
 * which know nothing of the other gateways. When the server does not answer in time the request
 * goes on under those, since a limit is not worth an outage. Where the connection breaks, or three
 * answers one after the other do not come, nobody asks for a while, so that not every request waits
 * for the time-out. Tenants without limits are never asked about.
 *
 * <p>A process that has just started runs slow code, and its first burst would miss the time-out as
 * a whole and pass beside the limits. So connections and scripts are used before the gateway
 * listens, and for {@code start-ms} after the first request under a limit an answer may take a
 * second. Who has none then is refused, since the server is there; only a connection that breaks
 * says otherwise.
 */
public final class ValkeyLimits implements SharedLimits {
  private static final Logger LOG = LoggerFactory.getLogger(ValkeyLimits.class);
  private static final String ENTER = script("enter.lua");
  private static final String SETTLE = script("settle.lua");
  private static final String RENEW = script("renew.lua");
  private static final String LOOK = script("look.lua");
  private static final long MINUTE_MICROS = 60_000_000;

  /** Of the time for which a gateway is believed it may miss two renewals. */
  private static final int RENEWALS = 3;

  /** Tenants that are renewed at the same time: more would keep requests from the connections. */
  private static final int RENEWED_AT_ONCE = 4;

  /** At the start an answer may take so long. */
  private static final int START_TIMEOUT_MS = 1000;

  /** For what is used before the first request. */
  private static final long WARM_UP_NANOS = 3_000_000_000L;

  /** Entries of a round, and rounds at least: what a first burst finds compiled. */
  private static final int ROUND = 64;

  private static final int LEAST_ROUNDS = 5;
  private static final Ask WARMING = new Ask(1, 1, Asker.NOBODY, () -> -1);
  private static final TenantLimits.Limit ROOMY =
      new TenantLimits.Limit(1, 1_000_000, 1_000_000, 0, 0);

  /** What only an entry reads, in the order in which its script does. */
  private static final List<String> TURNS =
      List.of("turns", "turns:places", "turns:clients", "turns:places:clients", "turns:heeded");

  /** Requests that one call says are over. */
  private static final int ENDS = 256;

  /** The same where a request waits for the answer. */
  private static final int ENDS_BEFORE_ENTRY = 32;

  private final SharedConfig config;
  private final TenantLimits limits;
  private final IntSupplier leastRetrySeconds;
  private final LongSupplier nowNanos;
  private final Runnable failed;
  private final Redis redis;
  private final String self = UUID.randomUUID().toString();
  private final SharedLeases tickets = new SharedLeases();
  private final Timer renewals;
  private final Future<Void> ready;
  private final Silence silence;
  private boolean renewing;
  private volatile long askAgainNanos = Long.MIN_VALUE;

  /**
   * @param limits of a tenant, from memory
   * @param leastRetrySeconds that a refused one is told to wait, now
   * @param failed counts answers that did not come
   */
  public ValkeyLimits(
      Vertx vertx,
      Timers timers,
      SharedConfig config,
      TenantLimits limits,
      IntSupplier leastRetrySeconds,
      LongSupplier nowNanos,
      Runnable failed) {
    this.config = config;
    this.limits = limits;
    this.leastRetrySeconds = leastRetrySeconds;
    this.nowNanos = nowNanos;
    this.failed = failed;
    this.silence = new Silence(config.startMs() * 1_000_000L);
    this.redis =
        Redis.createClient(
            vertx,
            new RedisOptions()
                .setConnectionString(config.url())
                .setMaxPoolSize(4)
                .setMaxPoolWaiting(4096)
                .setMaxWaitingHandlers(4096));
    this.renewals = timers.every(config.leaseMs() / RENEWALS, this::renew);
    this.ready = warmUp();
  }

  // ------------------------------------------------------------------ start

  @Override
  public Future<Void> ready() {
    return ready;
  }

  /** Rounds of entries under a name that nobody else has, until a round is quick. */
  private Future<Void> warmUp() {
    long until = nowNanos.getAsLong() + WARM_UP_NANOS;
    return round(1, until)
        .compose(
            warm ->
                redis.send(
                    Request.cmd(Command.DEL).arg(key(self, "requests")).arg(key(self, "tokens"))))
        .onFailure(cause -> LOG.warn("shared_limits_unreached reason=\"{}\"", cause.getMessage()))
        .<Void>mapEmpty()
        .timeout(WARM_UP_NANOS, TimeUnit.NANOSECONDS)
        .otherwiseEmpty();
  }

  private Future<Void> round(int number, long untilNanos) {
    long begun = nowNanos.getAsLong();
    List<Future<Response>> answers = new ArrayList<>();
    for (int i = 0; i < ROUND; i++) {
      answers.add(send(entry(self, ROOMY, i, WARMING)));
      answers.add(send(call(SETTLE, self, ROOMY).arg(i).arg(1).arg(1).arg(0)));
    }
    return Future.all(answers)
        .compose(
            done -> {
              long now = nowNanos.getAsLong();
              boolean quick = now - begun < config.timeoutMs() * 500_000L;
              boolean over = (quick && number >= LEAST_ROUNDS) || now >= untilNanos;
              return over ? Future.succeededFuture() : round(number + 1, untilNanos);
            });
  }

  // ------------------------------------------------------------------ entry

  @Override
  public Future<Entry> enter(String tenant, Ask ask) {
    TenantLimits.Limit limit = limits.of(tenant);
    if (limit.requestsPerMinute() == 0
        && limit.tokensPerMinute() == 0
        && limit.maxConcurrency() == 0) {
      return Future.succeededFuture(Entry.UNLIMITED);
    }
    if (away()) {
      return Future.succeededFuture(uncounted(tickets.draw(tenant, false, ask.places())));
    }
    List<SharedLease> over = tickets.over(tenant, ENDS_BEFORE_ENTRY);
    SharedLease ticket = tickets.draw(tenant, true, ask.places());
    Request request = entry(tenant, limit, ticket.number, ask);
    over.forEach(ended -> request.arg(ended.number).arg(ended.used).arg(flag(ended.served)));
    Future<Response> answer = send(request);
    answered(ticket, answer);
    if (silence.begins(nowNanos.getAsLong())) {
      return answer
          .timeout(Math.max(config.timeoutMs(), START_TIMEOUT_MS), TimeUnit.MILLISECONDS)
          .map(told -> entry(ticket, limit, told))
          .otherwise(cause -> unheard(ticket, limit, cause));
    }
    return inTime(answer)
        .map(told -> entry(ticket, limit, told))
        .otherwise(cause -> uncounted(ticket));
  }

  private Request entry(String tenant, TenantLimits.Limit limit, long number, Ask ask) {
    long holdNanos = limit.maxConcurrency() == 0 ? -1 : ask.holdNanos().getAsLong();
    return call(ENTER, tenant, limit, TURNS)
        .arg(limit.maxConcurrency())
        .arg(number)
        .arg(ask.tokens())
        .arg(ask.places())
        .arg(ask.asker().request())
        .arg(ask.asker().client())
        .arg(holdNanos < 0 ? -1 : holdNanos / 1000)
        .arg(leastRetrySeconds.getAsInt());
  }

  /** At the start: refused where only the time is up, since the server is there. */
  private Entry unheard(SharedLease ticket, TenantLimits.Limit limit, Throwable cause) {
    if (!(cause instanceof TimeoutException)) {
      lost(cause);
      return uncounted(ticket);
    }
    failed.run();
    new Held(ticket, false).settle(0, false);
    return new Entry(first(limit), START_TIMEOUT_MS * 1_000_000L, 0, Reservation.NONE, Map.of());
  }

  private static Reason first(TenantLimits.Limit limit) {
    if (limit.requestsPerMinute() > 0) {
      return Reason.TENANT_REQUESTS;
    }
    return limit.tokensPerMinute() > 0 ? Reason.TENANT_TOKENS : Reason.TENANT_CONCURRENCY;
  }

  /** Notes the answer, also one that came too late for the request. */
  private void answered(SharedLease ticket, Future<Response> answer) {
    answer
        .timeout(config.leaseMs(), TimeUnit.MILLISECONDS)
        .onComplete(
            done -> {
              boolean holds = done.succeeded() && number(done.result(), 0) == 0;
              if (tickets.answered(ticket, holds)) {
                tell(ticket.tenant);
              }
            });
  }

  /** What the script says: who refuses, how long to wait, and what is taken of each limit. */
  private Entry entry(SharedLease ticket, TenantLimits.Limit limit, Response told) {
    Map<String, String> headers = new LinkedHashMap<>();
    RateLimitHeaders.concurrency(headers, limit.maxConcurrency(), number(told, 4));
    put(headers, "requests", limit.requestsPerMinute(), number(told, 2));
    put(headers, "tokens", limit.tokensPerMinute(), number(told, 3));
    Reason spent = spent(number(told, 0));
    if (spent != null) {
      tickets.refused(ticket);
      int turn = (int) number(told, 5);
      return new Entry(spent, number(told, 1) * 1000, turn, Reservation.NONE, headers);
    }
    tickets.admitted(ticket);
    return Entry.let(new Held(ticket, true), headers);
  }

  private Entry uncounted(SharedLease ticket) {
    return Entry.let(new Held(ticket, false), Map.of());
  }

  /** Also of a tenant without limits: of those that it has none is counted. */
  @Override
  public Future<Optional<TenantUse>> use(String tenant) {
    if (away()) {
      return Future.succeededFuture(Optional.empty());
    }
    TenantLimits.Limit limit = limits.of(tenant);
    return inTime(send(call(LOOK, tenant, limit)))
        .map(
            told ->
                Optional.of(
                    new TenantUse(
                        minute(limit.requestsPerMinute(), number(told, 0)),
                        minute(limit.tokensPerMinute(), number(told, 1)),
                        (int) number(told, 2),
                        limit.maxConcurrency())))
        .otherwise(Optional.empty());
  }

  private static TenantUse.Minute minute(int limit, long aheadMicros) {
    // Less than one is what whole microseconds round off.
    long used = (long) Math.ceil(aheadMicros * (double) limit / MINUTE_MICROS - 1e-3);
    return new TenantUse.Minute(limit, Math.max(0, used), aheadMicros * 1000);
  }

  private static @Nullable Reason spent(long who) {
    return switch ((int) who) {
      case 0 -> null;
      case 1 -> Reason.TENANT_REQUESTS;
      case 2 -> Reason.TENANT_TOKENS;
      default -> Reason.TENANT_CONCURRENCY;
    };
  }

  private static void put(Map<String, String> headers, String what, int limit, long aheadMicros) {
    // The cell is kept in whole microseconds; one more makes up for what that rounds off.
    double free = MINUTE_MICROS - aheadMicros + 1;
    long remaining = (long) Math.clamp(free * limit / MINUTE_MICROS, 0, limit);
    RateLimitHeaders.put(headers, what, limit, remaining, aheadMicros * 1000);
  }

  private static long number(Response told, int index) {
    return Objects.requireNonNull(told.get(index).toLong(), "the script answers with numbers");
  }

  // ------------------------------------------------------------------ end

  private final class Held implements Reservation {
    private final SharedLease ticket;
    private final boolean counted;

    Held(SharedLease ticket, boolean counted) {
      this.ticket = ticket;
      this.counted = counted;
    }

    @Override
    public boolean counted() {
      return counted;
    }

    @Override
    public void settle(long used, boolean served) {
      boolean away = away();
      if (tickets.end(ticket, used, served, away) && !away) {
        tell(ticket.tenant);
      }
    }
  }

  private void tell(String tenant) {
    Future<Void> _ = tell(tenant, false);
  }

  /** Says which requests of a tenant are over; what fails is said again with the next renewal. */
  private Future<Void> tell(String tenant, boolean again) {
    List<SharedLeases.End> ends = tickets.toTell(tenant, ENDS, again);
    if (ends.isEmpty()) {
      return Future.succeededFuture();
    }
    Request request = call(SETTLE, tenant, limits.of(tenant));
    for (SharedLeases.End end : ends) {
      SharedLease ticket = end.ticket();
      request.arg(ticket.number).arg(ticket.used).arg(flag(ticket.served)).arg(flag(end.whole()));
    }
    return inTime(send(request))
        .onComplete(done -> tickets.told(ends, done.succeeded()))
        .compose(heard -> ends.size() < ENDS ? Future.succeededFuture() : tell(tenant, again));
  }

  // ------------------------------------------------------------------ renewal

  /** Nobody waits for it, so it goes on while the server does not answer, and hears first of it. */
  private void renew() {
    if (renewing) {
      return;
    }
    renewing = true;
    Iterator<String> names = tickets.tenants().iterator();
    List<Future<Void>> lanes = new ArrayList<>();
    for (int i = 0; i < RENEWED_AT_ONCE; i++) {
      lanes.add(renewNext(names));
    }
    Future.join(lanes).onComplete(done -> renewing = false);
  }

  /** An answer that is late is one tenant's: the leases of those behind it are to last. */
  private Future<Void> renewNext(Iterator<String> names) {
    if (!names.hasNext()) {
      return Future.succeededFuture();
    }
    String tenant = names.next();
    return tell(tenant, false)
        .compose(told -> renew(tenant))
        .transform(
            done ->
                done.succeeded() || !away() ? renewNext(names) : Future.failedFuture(done.cause()));
  }

  private Future<Response> renew(String tenant) {
    SharedLeases.Roll roll = tickets.roll(tenant);
    Request request =
        call(RENEW, tenant, limits.of(tenant)).arg(roll.upTo()).arg(roll.running().size());
    for (SharedLeases.Running running : roll.running()) {
      request.arg(running.number() + (running.places() > 1 ? " " + running.places() : ""));
    }
    roll.waiting().forEach(number -> request.arg((long) number));
    return inTime(send(request)).onSuccess(done -> tickets.renewed(tenant, roll));
  }

  // ------------------------------------------------------------------ calls

  /** A script with what each of them begins with; all keys of a tenant have one slot. */
  private Request call(String script, String tenant, TenantLimits.Limit limit) {
    return call(script, tenant, limit, List.of());
  }

  private Request call(
      String script, String tenant, TenantLimits.Limit limit, List<String> others) {
    Request request =
        Request.cmd(Command.EVAL)
            .arg(script)
            .arg(4 + others.size())
            .arg(key(tenant, "requests"))
            .arg(key(tenant, "tokens"))
            .arg(key(tenant, "places"))
            .arg(key(tenant, "held:" + self));
    others.forEach(other -> request.arg(key(tenant, other)));
    return request
        .arg(self)
        .arg(config.leaseMs())
        .arg(limit.requestsPerMinute())
        .arg(limit.tokensPerMinute());
  }

  private static String key(String tenant, String what) {
    return "switchboard:{" + tenant + "}:" + what;
  }

  private static int flag(boolean value) {
    return value ? 1 : 0;
  }

  private Future<Response> send(Request request) {
    return redis
        .send(request)
        .map(answer -> Objects.requireNonNull(answer, "a script answers"))
        .onSuccess(answer -> silence.heard());
  }

  private Future<Response> inTime(Future<Response> answer) {
    long asked = nowNanos.getAsLong();
    return answer
        .timeout(config.timeoutMs(), TimeUnit.MILLISECONDS)
        .onSuccess(told -> silence.answered())
        .onFailure(cause -> unanswered(cause, asked));
  }

  /** One that is late alone was late by chance; of a broken connection the next one hears too. */
  private void unanswered(Throwable cause, long askedNanos) {
    if (!(cause instanceof TimeoutException) || silence.missed(askedNanos, nowNanos.getAsLong())) {
      lost(cause);
    } else {
      failed.run();
    }
  }

  private boolean away() {
    return nowNanos.getAsLong() < askAgainNanos;
  }

  private void lost(Throwable cause) {
    failed.run();
    if (!away()) {
      LOG.warn("shared_limits_lost reason=\"{}\"", cause.getMessage());
    }
    askAgainNanos = nowNanos.getAsLong() + config.retryMs() * 1_000_000L;
  }

  /** Without its comments, since it is sent with each call. */
  private static String script(String name) {
    return (text("cells.lua") + text(name)).replaceAll("(?m)^ *--.*\n", "");
  }

  private static String text(String name) {
    try (InputStream file = ValkeyLimits.class.getResourceAsStream(name)) {
      return new String(Objects.requireNonNull(file, name).readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public Future<?> close() {
    renewals.cancel();
    List<Future<Void>> told = new ArrayList<>();
    for (String tenant : tickets.tenants()) {
      told.add(tell(tenant, true));
    }
    return Future.join(told).transform(done -> redis.close()).otherwiseEmpty();
  }
}
