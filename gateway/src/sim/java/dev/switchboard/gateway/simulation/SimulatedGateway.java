package dev.switchboard.gateway.simulation;

import dev.switchboard.gateway.admission.AdmissionConfig;
import dev.switchboard.gateway.admission.AdmissionQueue;
import dev.switchboard.gateway.admission.Band;
import dev.switchboard.gateway.admission.Demand;
import dev.switchboard.gateway.admission.Refusal;
import dev.switchboard.gateway.admission.ReplicaForecast;
import dev.switchboard.gateway.admission.Verdict;
import dev.switchboard.gateway.routing.Affinity;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Peers;
import dev.switchboard.gateway.routing.Policies;
import dev.switchboard.gateway.routing.ReplicaView;
import dev.switchboard.gateway.routing.RouteRequest;
import dev.switchboard.gateway.routing.RoutingConfig;
import dev.switchboard.gateway.routing.RoutingPolicy;
import dev.switchboard.gateway.routing.Workload;
import dev.switchboard.gateway.simulation.Ledger.End;
import dev.switchboard.gateway.upstream.RetryBudget;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * The course of requests as the gateway steers it, with its own admission queue, policy, predictor,
 * affinity and retry budget; sockets and event loops are left out.
 */
final class SimulatedGateway {
  private static final String MODEL = "m";
  private static final double NETWORK_MS = 0.2;
  private static final double POLL_MS = 1000;
  private static final double TICK_MS = 5;
  private static final int BYTES_PER_TOKEN = 4;
  private static final int BLOCK_TOKENS = 100;
  private static final int EJECT_AFTER = 3;

  private final VirtualTime time;
  private final Ledger ledger = new Ledger();
  private final Map<String, Site> sites = new LinkedHashMap<>();
  private final RoutingPolicy policy;
  private final AdmissionQueue queue;
  private final Affinity affinity = new Affinity(RoutingConfig.DEFAULTS);
  private final RetryBudget retries = new RetryBudget(RetryBudget.Config.DEFAULTS);
  private int unended;
  private boolean ticking;
  private long turn;
  private long attempts;
  private long failedAttempts;

  /** A replica as the gateway knows it. */
  private static final class Site {
    final SimulatedReplica engine;
    final Workload workload;
    int inFlight;
    int running;
    int waiting;
    int others;
    long waitingTokens;
    long reportNanos;
    int failures;
    boolean ready = true;

    Site(SimulatedReplica engine, Peers peers) {
      this.engine = engine;
      this.workload = new Workload(peers);
    }

    ReplicaView view(long now) {
      return new ReplicaView(
          engine.id(),
          MODEL,
          ready,
          ready ? "READY" : "EJECTED",
          inFlight,
          running,
          waiting,
          waitingTokens,
          reportNanos == 0 ? -1 : (now - reportNanos) / 1_000_000,
          others,
          workload.snapshot(now),
          1,
          0,
          0,
          ReplicaView.Circuit.CLOSED);
    }
  }

  SimulatedGateway(
      VirtualTime time, List<SimulatedReplica> engines, String policy, SplittableRandom random) {
    this.time = time;
    this.policy = Policies.of(policy);
    this.queue =
        new AdmissionQueue(
            AdmissionConfig.DEFAULTS, new ReplicaForecast(this::views), random::nextDouble);
    Peers peers = new Peers();
    for (SimulatedReplica engine : engines) {
      sites.put(engine.id(), new Site(engine, peers));
      queue.replica(engine.id(), true, time.nowNanos());
    }
  }

  Ledger ledger() {
    return ledger;
  }

  long attempts() {
    return attempts;
  }

  long failedAttempts() {
    return failedAttempts;
  }

  /** Requests that the gateway has at its replicas. */
  int inFlight() {
    return sites.values().stream().mapToInt(site -> site.inFlight).sum();
  }

  AdmissionQueue queue() {
    return queue;
  }

  /** Lets the requests arrive at their times. */
  void serve(List<Request> requests) {
    unended = requests.size();
    for (Request request : requests) {
      time.after(request.atNanos() - time.nowNanos(), () -> arrive(request));
    }
    time.afterMs(POLL_MS, this::poll);
  }

  private void poll() {
    for (Site site : sites.values()) {
      look(site);
    }
    if (unended > 0) {
      time.afterMs(POLL_MS, this::poll);
    }
  }

  private void look(Site site) {
    if (site.engine.frozen() || !site.engine.alive()) {
      if (++site.failures >= EJECT_AFTER) {
        ready(site, false);
      }
      return;
    }
    site.failures = 0;
    site.running = site.engine.running();
    site.waiting = site.engine.waiting();
    site.others = Math.max(0, site.running + site.waiting - site.inFlight);
    site.waitingTokens = site.engine.waitingTokens();
    site.reportNanos = time.nowNanos();
    queue.reported(site.engine.id(), site.waiting);
    ready(site, true);
  }

  private void ready(Site site, boolean ready) {
    if (site.ready != ready) {
      site.ready = ready;
      queue.replica(site.engine.id(), ready, time.nowNanos());
    }
  }

  /** A worker's process ended: its supervisor knows at once, and starts it again after a while. */
  void crash(String id, double restartMs) {
    Site site = site(id);
    ready(site, false);
    affinity.forget(MODEL, id);
    site.engine.kill();
    time.afterMs(
        restartMs,
        () -> {
          site.engine.revive();
          ready(site, true);
        });
  }

  private Site site(String id) {
    Site site = sites.get(id);
    if (site == null) {
      throw new AssertionError("no replica " + id);
    }
    return site;
  }

  private List<ReplicaView> views(long now) {
    return sites.values().stream().map(site -> site.view(now)).toList();
  }

  // ------------------------------------------------------------------ one request

  private void arrive(Request request) {
    new Course(request).begin();
  }

  /** One request, from its arrival to its end. */
  private final class Course implements AdmissionQueue.Listener {
    private final Request request;
    private final Ledger.Entry entry;
    private final Set<String> failed = new HashSet<>();

    Course(Request request) {
      this.request = request;
      this.entry = ledger.open(request);
    }

    void begin() {
      long now = time.nowNanos();
      long ttftAt =
          request.slo().ttftMs() == 0
              ? Long.MAX_VALUE
              : request.atNanos() + request.slo().ttftMs() * 1_000_000L;
      Demand demand =
          new Demand(
              request.tenant(),
              1,
              Band.of(request.slo().priority()),
              ttftAt,
              request.deadlineNanos(),
              uncachedTokens(),
              request.outputTokens(),
              (long) request.promptTokens() * BYTES_PER_TOKEN);
      switch (queue.offer(demand, this, now)) {
        case Verdict.Running running -> run(running.entry());
        case Verdict.Waiting _ -> tickWhileWaiting();
        case Refusal refusal -> refuse(refusal);
      }
    }

    @Override
    public void dispatched(AdmissionQueue.Entry place, long nowNanos) {
      time.after(0, () -> run(place));
    }

    @Override
    public void refused(AdmissionQueue.Entry place, Refusal refusal) {
      refuse(refusal);
    }

    private void refuse(Refusal refusal) {
      over(refusal.reason().deadline() ? End.LATE : End.SHED);
    }

    private void run(AdmissionQueue.Entry place) {
      retries.earn();
      attempt(place);
    }

    private void attempt(AdmissionQueue.Entry place) {
      long now = time.nowNanos();
      RouteRequest wanted =
          affinity.enrich(
              new RouteRequest(
                  MODEL,
                  failed,
                  turn++,
                  request.slo(),
                  (now - request.atNanos()) / 1e6,
                  request.promptTokens(),
                  request.outputTokens(),
                  Map.of(),
                  null),
              affinityKey());
      Decision decision = policy.route(views(now), wanted, now);
      Decision.Candidate winner = decision.winner();
      if (winner == null) {
        queue.abandon(place, now);
        over(End.FAILED);
        return;
      }
      affinity.sent(MODEL, winner.replica(), affinityKey());
      queue.routed(place, winner.replica(), now);
      send(site(winner.replica()), place, winner, wanted);
    }

    /** Prompt tokens that the replica which knows most of it has to compute. */
    private int uncachedTokens() {
      Map<String, Integer> known =
          affinity.enrich(RouteRequest.of(MODEL), affinityKey()).prefixTokens();
      int most = known.values().stream().mapToInt(Integer::intValue).max().orElse(0);
      return Math.max(1, request.promptTokens() - most);
    }

    private Affinity.Key affinityKey() {
      int blocks = request.prefixTokens() / BLOCK_TOKENS;
      long[] chain = new long[blocks];
      for (int i = 0; i < blocks; i++) {
        chain[i] = request.prefix() * 1_000_003L + i;
      }
      return new Affinity.Key(chain, BLOCK_TOKENS, request.tenant(), null);
    }

    private void send(
        Site site, AdmissionQueue.Entry place, Decision.Candidate winner, RouteRequest wanted) {
      attempts++;
      entry.attempt(site.engine.id());
      site.inFlight++;
      Workload.Job job =
          site.workload.begin(winner, wanted, (predicted, ttft, tpot) -> {}, time.nowNanos());
      time.afterMs(
          NETWORK_MS, () -> site.engine.submit(rest(), new Answer(this, site, place, job)));
    }

    /** What is left of it: all, or what follows the tokens that its client has. */
    private Request rest() {
      return entry.tokens() == 0 ? request : request.after(entry.tokens());
    }

    private void over(End end) {
      entry.end(end, time.nowNanos());
      unended--;
    }
  }

  /** What a replica says of one attempt. */
  private final class Answer implements SimulatedReplica.Listener {
    private final Course course;
    private final Site site;
    private final AdmissionQueue.Entry place;
    private final Workload.Job job;

    Answer(Course course, Site site, AdmissionQueue.Entry place, Workload.Job job) {
      this.course = course;
      this.site = site;
      this.place = place;
      this.job = job;
    }

    @Override
    public void token(int generated) {
      long now = time.nowNanos();
      course.entry.token(now);
      job.content(now);
      if (generated == 1) {
        queue.firstToken(place, now);
      }
    }

    @Override
    public void ended() {
      job.ended();
      leave();
      course.over(End.SERVED);
      queue.finished(place, course.request.promptTokens() + course.entry.tokens(), time.nowNanos());
    }

    @Override
    public void failed(String reason) {
      leave();
      if (reason.equals("deadline")) {
        course.over(End.LATE);
        queue.abandon(place, time.nowNanos());
        return;
      }
      failedAttempts++;
      course.failed.add(site.engine.id());
      boolean goesOn = course.entry.tokens() > 0;
      if (course.entry.attempts() < 3 && (goesOn || retries.spend())) {
        course.attempt(place);
      } else {
        course.over(End.FAILED);
        queue.abandon(place, time.nowNanos());
      }
    }

    private void leave() {
      job.close();
      site.inFlight--;
    }
  }

  private void tickWhileWaiting() {
    if (!ticking) {
      ticking = true;
      time.afterMs(TICK_MS, this::tick);
    }
  }

  private void tick() {
    ticking = false;
    queue.tick(time.nowNanos());
    AdmissionQueue.Snapshot now = queue.snapshot(time.nowNanos());
    if (now.waiting().values().stream().mapToInt(Integer::intValue).sum() > 0) {
      tickWhileWaiting();
    }
  }
}
