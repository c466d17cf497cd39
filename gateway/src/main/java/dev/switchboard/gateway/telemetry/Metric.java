package dev.switchboard.gateway.telemetry;

import static dev.switchboard.gateway.telemetry.Label.AGENT;
import static dev.switchboard.gateway.telemetry.Label.AGREES;
import static dev.switchboard.gateway.telemetry.Label.BAND;
import static dev.switchboard.gateway.telemetry.Label.CACHE;
import static dev.switchboard.gateway.telemetry.Label.CAUSE;
import static dev.switchboard.gateway.telemetry.Label.CLASS;
import static dev.switchboard.gateway.telemetry.Label.DEVICE;
import static dev.switchboard.gateway.telemetry.Label.DIRECTION;
import static dev.switchboard.gateway.telemetry.Label.EDGE;
import static dev.switchboard.gateway.telemetry.Label.ENDPOINT;
import static dev.switchboard.gateway.telemetry.Label.FATE;
import static dev.switchboard.gateway.telemetry.Label.FROM;
import static dev.switchboard.gateway.telemetry.Label.KIND;
import static dev.switchboard.gateway.telemetry.Label.LIMIT;
import static dev.switchboard.gateway.telemetry.Label.LISTENER;
import static dev.switchboard.gateway.telemetry.Label.MODEL;
import static dev.switchboard.gateway.telemetry.Label.OBJECTIVE;
import static dev.switchboard.gateway.telemetry.Label.OUTCOME;
import static dev.switchboard.gateway.telemetry.Label.PART;
import static dev.switchboard.gateway.telemetry.Label.PHASE;
import static dev.switchboard.gateway.telemetry.Label.POLICY;
import static dev.switchboard.gateway.telemetry.Label.RANK;
import static dev.switchboard.gateway.telemetry.Label.REASON;
import static dev.switchboard.gateway.telemetry.Label.REPLICA;
import static dev.switchboard.gateway.telemetry.Label.RESULT;
import static dev.switchboard.gateway.telemetry.Label.SIDE;
import static dev.switchboard.gateway.telemetry.Label.STAGE;
import static dev.switchboard.gateway.telemetry.Label.STATE;
import static dev.switchboard.gateway.telemetry.Label.TO;
import static dev.switchboard.gateway.telemetry.Label.VERDICT;
import static dev.switchboard.gateway.telemetry.Label.VERSION;
import static dev.switchboard.gateway.telemetry.Label.WATCH;
import static dev.switchboard.gateway.telemetry.Label.WITHIN;
import static dev.switchboard.gateway.telemetry.Metric.In.BYTES;
import static dev.switchboard.gateway.telemetry.Metric.In.CELSIUS;
import static dev.switchboard.gateway.telemetry.Metric.In.COUNT;
import static dev.switchboard.gateway.telemetry.Metric.In.HERTZ;
import static dev.switchboard.gateway.telemetry.Metric.In.RATIO;
import static dev.switchboard.gateway.telemetry.Metric.In.SECONDS;
import static dev.switchboard.gateway.telemetry.Metric.In.WATTS;

import dev.switchboard.timeline.Collective;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Every metric of the gateway. Nothing else makes a series, and the reference page, the dashboards
 * and the rules are held to this list.
 */
public enum Metric {
  // ---- requests
  REQUESTS(Type.COUNTER, "requests_total", COUNT, "requests that ended", MODEL, ENDPOINT, OUTCOME),
  REQUESTS_IN_FLIGHT(Type.GAUGE, "requests_in_flight", COUNT, "requests now", MODEL),
  REQUEST(
      Buckets.REQUEST,
      "request_seconds",
      SECONDS,
      "wall time, head to last byte; without a class what was refused before it was known",
      MODEL,
      ENDPOINT,
      CLASS),
  TTFT(
      Buckets.TTFT,
      "ttft_seconds",
      SECONDS,
      "time to first token, seen by the gateway",
      MODEL,
      CLASS),
  TPOT(
      Buckets.TOKEN,
      "tpot_seconds",
      SECONDS,
      "mean time per output token after the first",
      MODEL,
      CLASS),
  ITL(Buckets.TOKEN, "itl_seconds", SECONDS, "time between two pieces of content", MODEL, CLASS),
  PHASE_TIME(Buckets.PHASE, "phase_seconds", SECONDS, "a request's time in each phase", PHASE),
  UNEXPLAINED(
      Buckets.SHORT, "unexplained_seconds", SECONDS, "wall time that no phase accounts for", MODEL),
  TOKENS(
      Type.COUNTER,
      "tokens_total",
      COUNT,
      "tokens read (prefix `hit` or `miss`) and generated",
      MODEL,
      DIRECTION,
      CACHE),
  WASTED_TOKENS(
      Type.COUNTER,
      "wasted_tokens_total",
      COUNT,
      "tokens computed for nobody: generated for answers that did not end well, by outcome; of the"
          + " prompt, estimated, at a replica that was outrun (`hedge`); or computed again, as"
          + " workers tell it: by each that went on with a stream (`moved`), and what a sequence"
          + " lost that was put back (`preempted`)",
      MODEL,
      CAUSE),
  CLIENT_STALL(
      Type.COUNTER,
      "client_stall_seconds_total",
      SECONDS,
      "time that upstreams were paused for slow readers",
      MODEL),
  STAGE_TIME(
      Type.COUNTER,
      "stage_seconds_total",
      SECONDS,
      "time of stages and ranks over finished requests: `compute`, `all_reduce_wait`,"
          + " `receive_wait`, `send`, `sample`, `copy`,"
          + " `off_cpu` (it had work and no core)",
      MODEL,
      STAGE,
      RANK,
      KIND),

  // ---- objectives
  SLO_REQUESTS(
      Type.COUNTER,
      "slo_requests_total",
      COUNT,
      "requests that had an objective, by whether it was `met` or `missed`; a request that its"
          + " client spoilt, or a limit of its tenant refused, has none",
      MODEL,
      CLASS,
      OBJECTIVE,
      RESULT),
  SLO_MISSES(
      Type.COUNTER,
      "slo_misses_total",
      COUNT,
      "those of them that missed it, by what made them: `queue`, `prefill` and `decode` (its own"
          + " work), `neighbours` (others of its batch), `straggler`, `machine` (no core),"
          + " `client`, `migration`, `failure` or `other`",
      MODEL,
      CLASS,
      OBJECTIVE,
      CAUSE),
  SLO_LATE(
      Type.COUNTER,
      "slo_late_seconds_total",
      SECONDS,
      "by how much those that were answered were later than their target, by the same causes: to"
          + " the first token, to the last one (`tpot`), or to the end (`deadline`)",
      MODEL,
      CLASS,
      OBJECTIVE,
      CAUSE),
  SLO_GOOD(
      Type.COUNTER,
      "slo_good_requests_total",
      COUNT,
      "goodput: requests that met every objective they had",
      MODEL,
      CLASS),
  SLO_GOOD_TOKENS(
      Type.COUNTER, "slo_good_tokens_total", COUNT, "tokens that those generated", MODEL, CLASS),
  SLO_TARGET(
      Type.GAUGE,
      "slo_target_ratio",
      RATIO,
      "share of a class's requests that must meet their objectives",
      CLASS),
  SLO_WINDOW(
      Type.GAUGE,
      "slo_window_seconds",
      SECONDS,
      "time over which that share counts, `window-days` of the class",
      CLASS),

  // ---- admission
  QUEUE(
      Buckets.QUEUE,
      "queue_seconds",
      SECONDS,
      "time in admission before routing, by service class",
      MODEL,
      CLASS),
  QUEUE_DEPTH(Type.GAUGE, "queue_depth", COUNT, "requests that wait", MODEL, BAND),
  QUEUE_BYTES(Type.GAUGE, "queue_bytes", BYTES, "bytes of the bodies that wait", MODEL),
  ADMISSIONS(
      Type.COUNTER,
      "admissions_total",
      COUNT,
      "`admitted`, or the [reason](../docs/admission.md) why not",
      MODEL,
      CLASS,
      VERDICT),
  ADMISSION_RUNNING(
      Type.GAUGE,
      "admission_running",
      COUNT,
      "places that are held: one for each answer of a request that runs",
      MODEL),
  ADMISSION_PLACES(
      Type.GAUGE,
      "admission_places",
      COUNT,
      "requests that may run at once: the limits of the ready replicas together",
      MODEL),
  ADMISSION_DRAIN_RATE(
      Type.GAUGE,
      "admission_drain_rate",
      COUNT,
      "places that become free each second while all are held",
      MODEL),
  ADMISSION_WAIT(
      Type.GAUGE,
      "admission_wait_p90_ratio",
      RATIO,
      "real over predicted wait that nine requests in ten stay below",
      MODEL),
  EDGE_LOCAL(
      Type.GAUGE,
      "edge_local",
      COUNT,
      "1 while a local model serves in the place of one in a region, else 0",
      EDGE),
  EDGE_SWITCHES(
      Type.COUNTER,
      "edge_switches_total",
      COUNT,
      "changes between them: to the local model because the region is `late`, `unreachable` or out"
          + " of `budget`, or `returned` to the region",
      EDGE,
      KIND),
  HELD_REQUESTS(
      Type.GAUGE,
      "held_requests",
      COUNT,
      "requests that wait for the first replica of a model that has none",
      MODEL),
  DESIRED_REPLICAS(
      Type.GAUGE,
      "desired_replicas",
      COUNT,
      "replicas that there should be, within the least and the most that may be",
      MODEL),
  NEEDED_REPLICAS(
      Type.GAUGE,
      "needed_replicas",
      COUNT,
      "replicas that each signal asks for: `headroom`, `queue`, `kv`",
      MODEL,
      KIND),
  AUTOSCALING_REASON(
      Type.GAUGE,
      "autoscaling_reason",
      COUNT,
      "1; what the desired replicas go by: `headroom`, `queue`, `kv`, `floor`, `ceiling` (cannot"
          + " scale, at max), `cooldown`, `unknown`",
      MODEL,
      KIND),
  REPLICA_START(
      Type.GAUGE,
      "replica_start_seconds",
      SECONDS,
      "from wanting a replica until it is ready, as the mean of late or as configured",
      MODEL),
  CONNECTIONS_REFUSED(
      Type.COUNTER,
      "connections_refused_total",
      COUNT,
      "connections closed unread: too many of clients in all (`total`) or of one address"
          + " (`client`), or likewise at the admin listener (`admin`, `admin_client`)",
      LIMIT),
  CONNECTIONS_LIMIT(
      Type.GAUGE,
      "connections_limit",
      COUNT,
      "connections that clients may have at once, over all event loops: `http.max-connections` of"
          + " each, or what the limit of open files (`process_max_fds`) has room for"),
  TLS_HANDSHAKE_FAILURES(
      Type.COUNTER,
      "tls_handshake_failures_total",
      COUNT,
      "handshakes of a listener that failed: `clear_text` (what came was no TLS), `closed` (by the"
          + " client, with nothing said), `timeout`, `client_certificate` (none, or one that no"
          + " authority vouches for), `alert` (the client's, which does not trust the certificate"
          + " as a rule), `negotiation` (nothing in common), `other`",
      LISTENER,
      CAUSE),
  TLS_CERTIFICATE_EXPIRY(
      Type.GAUGE,
      "tls_certificate_expiry_timestamp_seconds",
      SECONDS,
      "when the first of a listener's certificates (`own`), or of the authorities that vouch for"
          + " its clients (`client_ca`), expires, in seconds since 1970",
      LISTENER,
      KIND),
  TLS_UPSTREAM_CA_EXPIRY(
      Type.GAUGE,
      "tls_upstream_ca_expiry_timestamp_seconds",
      SECONDS,
      "when the first of the authorities that vouch for a server (`upstreams[].tls-ca-file`)"
          + " expires, in seconds since 1970",
      REPLICA),
  SHARED_LIMIT_FAILURES(
      Type.COUNTER,
      "shared_limit_failures_total",
      COUNT,
      "calls that the shared limits did not answer in time; a request goes on without"),

  // ---- routing
  ROUTE(Buckets.SHORT, "route_seconds", SECONDS, "time to choose a replica"),
  ROUTE_DECISIONS(
      Type.COUNTER,
      "route_decisions_total",
      COUNT,
      "decisions, by who was chosen",
      MODEL,
      POLICY,
      REPLICA),
  ROUTE_REGRET(
      Buckets.SHORT,
      "route_regret_seconds",
      SECONDS,
      "how much sooner another replica was predicted to give the first token than the chosen one"
          + " did",
      MODEL),
  PREDICTION_ERROR(
      Buckets.RATIO,
      "prediction_error_ratio",
      RATIO,
      "difference of predicted and measured `ttft` or `tpot` of a finished request, over the"
          + " measured",
      MODEL,
      KIND),
  PREDICTIONS(
      Type.COUNTER,
      "predictions_total",
      COUNT,
      "predictions, by whether the measured time was within the predicted ninth decile: nine of"
          + " ten should be",
      MODEL,
      KIND,
      WITHIN),
  FALLBACKS(
      Type.COUNTER,
      "fallbacks_total",
      COUNT,
      "decisions for a model that stands in",
      FROM,
      TO,
      REASON),
  SHADOW_DECISIONS(
      Type.COUNTER,
      "shadow_decisions_total",
      COUNT,
      "decisions of a shadow, by whether it chose the same replica",
      MODEL,
      POLICY,
      AGREES),

  // ---- attempts
  UPSTREAM_ATTEMPTS(
      Type.COUNTER,
      "upstream_attempts_total",
      COUNT,
      "attempts at replicas, `served`, `failed`, `moved` (the stream left a drained worker),"
          + " `outrun` (a second replica answered first), `shed` (answered 429) or `abandoned` (the"
          + " client left or did not read, or no connection was free)",
      REPLICA,
      RESULT),
  MIGRATIONS(
      Type.COUNTER,
      "migrations_total",
      COUNT,
      "streams that had to go on elsewhere because the worker `died`, was `broken`, `silent`,"
          + " `failed` or `drained`: `resumed`, `broken`, or `abandoned` by their client meanwhile",
      MODEL,
      CAUSE,
      RESULT),
  MIGRATIONS_INEXACT(
      Type.COUNTER,
      "migrations_inexact_total",
      COUNT,
      "streams that went on at a worker of another `fingerprint`, for want of one of the same: of"
          + " another file, type of KV, number of ranks, or multiplication of BF16 weights",
      MODEL),
  MIGRATION_PAUSE(
      Buckets.TTFT,
      "migration_pause_seconds",
      SECONDS,
      "from the cut of a moved stream to its next bytes"),
  ROUTING_FAILURES(
      Type.COUNTER,
      "routing_failures_total",
      COUNT,
      "decisions that broke in the routing policy",
      MODEL),
  RETRIES(
      Type.COUNTER,
      "retries_total",
      COUNT,
      "attempts at another replica after one that gave the client nothing, by whether that one"
          + " `served` or `failed` too",
      MODEL,
      RESULT),
  POISON_REQUESTS(
      Type.COUNTER,
      "poison_requests_total",
      COUNT,
      "requests whose second worker died too (`ended`), and equal ones that were not tried for a"
          + " while after that (`held`); any of a client whose requests ended four workers"
          + " (`client_held`)",
      MODEL,
      RESULT),
  RETRIES_DENIED(
      Type.COUNTER, "retries_denied_total", COUNT, "retries that the budget refused", MODEL),
  HEDGES(
      Type.COUNTER,
      "hedges_total",
      COUNT,
      "requests whose first token was late: the second replica `won`, `lost` or was `broken`, or"
          + " both were `abandoned`; or there was none, for `no_budget`, `no_replica`, `overloaded`"
          + " or `draining`",
      MODEL,
      RESULT),

  // ---- replicas
  DISCOVERY_AGE(
      Type.GAUGE,
      "discovery_age_seconds",
      SECONDS,
      "since the API server of Kubernetes last said anything of a watch: a list, an event or a"
          + " bookmark, of which one comes about every minute",
      WATCH),
  DISCOVERY_OBJECTS(Type.GAUGE, "discovery_objects", COUNT, "objects that it knows", WATCH),
  DISCOVERY_EVENTS(Type.COUNTER, "discovery_events_total", COUNT, "changes that came", WATCH),
  DISCOVERY_FAILURES(
      Type.COUNTER,
      "discovery_failures_total",
      COUNT,
      "times that a watch did not go on: `gone` (it must list anew), `throttled`, `unauthorized`,"
          + " `forbidden`, `not_found`, `unreachable`, `refused`, `silent`, `malformed`,"
          + " `too_large`, or `stale_list` (an older list than what is known, which is not taken)",
      WATCH,
      CAUSE),
  DISCOVERY_ENDPOINTS(
      Type.GAUGE,
      "discovery_endpoints",
      COUNT,
      "endpoints that Kubernetes names: `ready`, `unready` or `terminating`",
      MODEL,
      STATE),
  DISCOVERY_PATCHES(
      Type.COUNTER,
      "discovery_patches_total",
      COUNT,
      "deletion costs of pods that were `set`, or `failed` to be",
      RESULT),
  REPLICA_STATE(
      Type.GAUGE, "replica_state", COUNT, "1 for the state it is in", REPLICA, MODEL, STATE),
  REPLICA_TRANSITIONS(Type.COUNTER, "replica_transitions_total", COUNT, "state changes", FROM, TO),
  REPLICA_IN_FLIGHT(
      Type.GAUGE, "replica_in_flight", COUNT, "requests of this gateway there", REPLICA),
  IN_FLIGHT_DRIFT(
      Type.GAUGE,
      "in_flight_drift",
      COUNT,
      "requests that for three seconds only one side knows: the `worker` runs them and this gateway"
          + " has none such, or the `gateway` waits and the worker has none such",
      REPLICA,
      SIDE),
  IN_FLIGHT_REPAIRS(
      Type.COUNTER,
      "in_flight_repairs_total",
      COUNT,
      "of those, how many were cancelled at the `worker`, or had to be looked for elsewhere by the"
          + " `gateway`",
      REPLICA,
      SIDE),
  REPLICA_SEQUENCES(
      Type.GAUGE,
      "replica_sequences",
      COUNT,
      "`running` and `waiting` sequences, as the replica reports them",
      REPLICA,
      STATE),
  REPLICA_KV_BLOCKS(
      Type.GAUGE,
      "replica_kv_blocks",
      COUNT,
      "`free`, `cached` and `used` KV blocks, as the replica reports them",
      REPLICA,
      STATE),
  REPLICA_KV_USED(
      Type.GAUGE,
      "replica_kv_used_ratio",
      RATIO,
      "share of its KV that the replica says is in use, of those that say it",
      REPLICA),
  REPORT_FAILURES(
      Type.COUNTER,
      "replica_report_failures_total",
      COUNT,
      "pages of a foreign server's metrics that were not read: missing, late, too large, or not"
          + " those of its [`engine`](../docs/other-engines.md#what-the-gateway-reads-from-them)",
      REPLICA),
  REPLICA_KV_EVICTIONS(
      Type.COUNTER,
      "replica_kv_evictions_total",
      COUNT,
      "cached KV blocks that the replica took back",
      REPLICA),
  REPLICA_PREEMPTIONS(
      Type.COUNTER,
      "replica_preemptions_total",
      COUNT,
      "sequences that the replica put back for want of KV blocks",
      REPLICA),
  REPLICA_PREFIX_TOKENS(
      Type.COUNTER,
      "replica_prefix_tokens_total",
      COUNT,
      "prompt tokens that the replica looked up in its prefix cache, `hit` or `miss`",
      REPLICA,
      RESULT),
  REPLICA_TOKENS(
      Type.COUNTER,
      "replica_tokens_total",
      COUNT,
      "tokens that the replica computed and generated, canaries included",
      REPLICA,
      DIRECTION),
  REPLICA_STEPS(
      Type.COUNTER, "replica_steps_total", COUNT, "steps of the replica's engine", REPLICA),
  REPLICA_MEMORY(
      Type.GAUGE,
      "replica_memory_bytes",
      BYTES,
      "what the replica's engine holds: `weights`, `kv`, `scratch`",
      REPLICA,
      KIND),
  DEVICE_UTILISATION(
      Type.GAUGE,
      "device_utilisation_ratio",
      RATIO,
      "share of the last second in which a kernel ran on a GPU that the worker may use, as the"
          + " driver tells it; likewise all of a device",
      REPLICA,
      DEVICE),
  DEVICE_MEMORY_UTILISATION(
      Type.GAUGE,
      "device_memory_utilisation_ratio",
      RATIO,
      "share of the last second in which its memory was read or written",
      REPLICA,
      DEVICE),
  DEVICE_MEMORY(
      Type.GAUGE,
      "device_memory_bytes",
      BYTES,
      "its memory: `total`, and of it `used` by all processes",
      REPLICA,
      DEVICE,
      KIND),
  DEVICE_TEMPERATURE(
      Type.GAUGE,
      "device_temperature_celsius",
      CELSIUS,
      "temperature of its chip",
      REPLICA,
      DEVICE),
  DEVICE_POWER(
      Type.GAUGE,
      "device_power_watts",
      WATTS,
      "power that it has `drawn`, and its `limit`",
      REPLICA,
      DEVICE,
      KIND),
  DEVICE_CLOCK(
      Type.GAUGE, "device_clock_hertz", HERTZ, "clock of its multiprocessors", REPLICA, DEVICE),
  DEVICE_THROTTLED(
      Type.GAUGE,
      "device_throttled",
      COUNT,
      "1 while its clock is held down: `power_cap`, `thermal`, `hardware`, `power_brake` or"
          + " `sync_boost`",
      REPLICA,
      DEVICE,
      KIND),
  DEVICE_ECC_ERRORS(
      Type.COUNTER,
      "device_ecc_errors_total",
      COUNT,
      "errors of its memory, `corrected` or `uncorrected`",
      REPLICA,
      DEVICE,
      KIND),
  DEVICE_ROW_REMAP_PENDING(
      Type.GAUGE,
      "device_row_remap_pending",
      COUNT,
      "1 while it waits for a reset to take a bad row of its memory out of use",
      REPLICA,
      DEVICE),
  REPLICA_REPORT_AGE(
      Type.GAUGE,
      "replica_report_age_seconds",
      SECONDS,
      "time since a replica last told its state",
      REPLICA),
  WORKER_START(
      Type.GAUGE,
      "worker_start_seconds",
      SECONDS,
      "from the worker's last start to ready, the model's load in it",
      REPLICA),
  MODEL_LOAD(
      Type.GAUGE,
      "model_load_seconds",
      SECONDS,
      "of the worker's last start the model's part: from opening its file to an engine that can be"
          + " asked",
      REPLICA),
  WORKER_RESTARTS(Type.COUNTER, "worker_restarts_total", COUNT, "restarts", REPLICA),

  // ---- ranks
  RANK_HEARTBEAT_AGE(
      Type.GAUGE,
      "rank_heartbeat_age_seconds",
      SECONDS,
      "time since a rank finished its last step; grows while the engine is idle",
      REPLICA,
      STAGE,
      RANK),
  RANK_STEP_AGE(
      Type.GAUGE,
      "rank_step_age_seconds",
      SECONDS,
      "how long a rank has been at its present step; 0 while it has none",
      REPLICA,
      STAGE,
      RANK),
  RANK_SCORE(
      Type.GAUGE,
      "rank_score_ratio",
      RATIO,
      "a rank's median step over that of the fastest rank of its stage",
      REPLICA,
      STAGE,
      RANK),
  RANK_STRAGGLER(
      Type.GAUGE,
      "rank_straggler",
      COUNT,
      "1 while a rank is named for holding up its stage",
      REPLICA,
      STAGE,
      RANK),
  RANK_BLAME_REQUESTS(
      Type.COUNTER,
      "rank_blame_requests_total",
      COUNT,
      "requests that waited for a rank while it was named for holding up its stage",
      MODEL,
      REPLICA,
      STAGE,
      RANK),
  RANK_BLAME_SLO(
      Type.COUNTER,
      "rank_blame_slo_seconds_total",
      SECONDS,
      "wall time of those of them that missed an objective of their service class",
      MODEL,
      REPLICA,
      STAGE,
      RANK),
  RANK_LATE(
      Type.COUNTER,
      "rank_late_seconds_total",
      SECONDS,
      "time that the other ranks of the stage waited for this one at collectives to which it came"
          + " last",
      REPLICA,
      STAGE,
      RANK),
  RANK_WAITED(
      Type.COUNTER,
      "rank_waited_seconds_total",
      SECONDS,
      "time that a rank waited for the others of its stage",
      REPLICA,
      STAGE,
      RANK),
  COLLECTIVE_SPREAD(
      Buckets.SPREAD,
      "collective_spread_seconds",
      SECONDS,
      "from the first rank's arrival at a collective to the last one's: of each step and stage the"
          + " largest, by where it was: sums of `attention` or `feed_forward`, logits (`output`),"
          + " or the `start` of a step when faults may be injected",
      REPLICA,
      STAGE,
      KIND),
  RANK_TIME(
      Type.COUNTER,
      "rank_seconds_total",
      SECONDS,
      "time of a rank in the steps of its engine: `compute`, `all_reduce_wait`, `receive_wait`,"
          + " `send`, `sample`, `copy`, `off_cpu` (it had work and no core), each step"
          + " once",
      REPLICA,
      STAGE,
      RANK,
      KIND),
  RANK_STEPS(
      Type.COUNTER,
      "rank_steps_total",
      COUNT,
      "steps in which a rank worked",
      REPLICA,
      STAGE,
      RANK),
  RANK_BYTES(
      Type.COUNTER,
      "rank_bytes_total",
      BYTES,
      "bytes that a rank read to compute, and moved to others",
      REPLICA,
      STAGE,
      RANK),

  // ---- drains
  DRAIN_TIME(
      Type.GAUGE,
      "drain_seconds",
      SECONDS,
      "how long a replica's running drain takes so far, or its last one took",
      REPLICA),
  DRAIN_REQUESTS(
      Type.GAUGE,
      "drain_requests",
      COUNT,
      "requests of a replica's running or last drain, by what became of them",
      REPLICA,
      FATE),

  // ---- drills
  DRILLS(
      Type.COUNTER,
      "drills_total",
      COUNT,
      "replicas that were broken on purpose, by the kind of drill: `begun`, and `healed` when it"
          + " was over",
      KIND,
      RESULT),

  // ---- the gateway itself
  EVENT_LISTENERS(Type.GAUGE, "event_listeners", COUNT, "listeners to the events now"),
  EVENTS_DROPPED(
      Type.COUNTER,
      "events_dropped_total",
      COUNT,
      "events that a listener asked for and did not get because it read too slowly, for each"
          + " listener"),
  EVENT_LISTENERS_CUT(
      Type.COUNTER,
      "event_listeners_cut_total",
      COUNT,
      "listeners that were cut off because they took nothing between two heartbeats"),
  TAIL_LISTENERS(
      Type.GAUGE, "request_tail_listeners", COUNT, "listeners to the requests that end, now"),
  TAIL_DROPPED(
      Type.COUNTER,
      "request_tail_dropped_total",
      COUNT,
      "requests that a listener asked for and did not get because it read too slowly, for each"
          + " listener"),
  EVENT_LOOP_LAG(
      Buckets.SHORT,
      "event_loop_lag_seconds",
      SECONDS,
      "how late the timer of an event loop came, ten times a second; one that comes late counts for"
          + " those that it kept from coming, too",
      LISTENER),
  EVENT_LOOP_OVERDUE(
      Type.GAUGE,
      "event_loop_overdue_seconds",
      SECONDS,
      "how late the timer of an event loop is that has not come yet, of the listener's latest loop",
      LISTENER),
  TRACES_KEPT(
      Type.COUNTER,
      "traces_kept_total",
      COUNT,
      "traces that nothing had sampled and that were exported at their end all the same, by the"
          + " first of `exemplar`, `asked`, `failed`, `slo`, `migrated`, `drained`, `hedged`,"
          + " `slow`; `left_out`: not, because there were too many",
      KIND),
  TELEMETRY_TIME(
      Type.COUNTER,
      "telemetry_seconds_total",
      SECONDS,
      "processor time of recording finished requests, of scrapes and of the agent's exporter",
      PART),
  TELEMETRY_CPU(
      Type.GAUGE,
      "telemetry_cpu_ratio",
      RATIO,
      "share of all cores' time that this took in the"
          + " [governor's](../docs/observability.md#what-telemetry-may-take) last window"),
  TELEMETRY_CEILING(
      Type.GAUGE,
      "telemetry_ceiling",
      COUNT,
      "the highest trace level that the governor allows now; 3 where it holds nothing back"),
  TELEMETRY_TOLD(
      Type.GAUGE,
      "telemetry_told_ratio",
      RATIO,
      "share of the requests whose own spans the governor lets be made though nothing makes them of"
          + " interest; 1 where it holds nothing back"),
  SPANS(
      Type.COUNTER,
      "spans_total",
      COUNT,
      "spans of the agent's exporter: `exported`, `failed` after its retries, or `dropped` because"
          + " too many waited; none without an exporter",
      RESULT),
  SPANS_QUEUED(Type.GAUGE, "spans_queued", COUNT, "spans that wait for the agent's exporter"),
  SCRAPE(Buckets.SHORT, "scrape_seconds", SECONDS, "time to answer the scrape before this one"),
  SCRAPES_SHARED(
      Type.COUNTER,
      "scrapes_shared_total",
      COUNT,
      "scrapes that were answered with another's bytes, because they came while it was made"),
  STORE_UP(Type.GAUGE, "store_up", COUNT, "1 while the store's database can be written to"),
  AUDIT_LOST(
      Type.COUNTER,
      "audit_lost_total",
      COUNT,
      "audit entries thrown away: too many waited for the store, or it takes no such entry"),
  CONFIG_RELOADS(
      Type.COUNTER,
      "config_reloads_total",
      COUNT,
      "attempts to reload the configuration: `done`, `invalid`, `needs_restart`",
      RESULT),
  BUILD(
      Type.INFO,
      "build_info",
      COUNT,
      "1; whether the OpenTelemetry agent is attached",
      VERSION,
      AGENT);

  /** What a series says. */
  public enum Type {
    COUNTER,
    GAUGE,
    HISTOGRAM,
    INFO
  }

  /** What it is counted in; the name ends in it. */
  public enum In {
    COUNT,
    SECONDS,
    BYTES,
    RATIO,
    CELSIUS,
    WATTS,
    HERTZ
  }

  /**
   * Upper bounds of a histogram's classic buckets. The targets of the default service classes are
   * among them, so that the share of requests that keep one can be read off. Of what a request
   * waits for the last one is at least what the defaults allow: a quantile ends at the last bound.
   * Each is a series of every model and class, so there are no more than that takes.
   */
  public enum Buckets {
    TTFT(
        0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.3, 0.5, 0.75, 1, 2, 2.5, 5,
        7.5, 10, 30, 120, 300),
    /** Real-time models run far below the 10 ms at which other gateways' buckets start. */
    TOKEN(
        0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1,
        2.5, 10, 30),
    REQUEST(
        0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96,
        81.92, 163.84, 327.68, 655.36),
    /** Waiting for a place takes nothing or long: up to what a model's first replica takes. */
    QUEUE(0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180),
    /** From microseconds, as routing takes, to minutes, as decoding may. */
    PHASE(
        0.00001, 0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
        10, 30, 60),
    SHORT(
        0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1,
        5),
    /** As workers count them. */
    SPREAD(Collective.spreadBounds()),
    RATIO(0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10);

    @SuppressWarnings("ImmutableEnumChecker") // never given away
    private final double[] bounds;

    Buckets(double... bounds) {
      this.bounds = bounds;
    }

    /** Ascending; the last, infinity, is left out. */
    public double[] bounds() {
      return bounds.clone();
    }
  }

  private static final String PREFIX = "switchboard_";

  private final Type type;
  private final String word;
  private final In unit;
  private final String help;
  private final @Nullable Buckets buckets;

  @SuppressWarnings("ImmutableEnumChecker") // List.of
  private final List<Label> labels;

  Metric(Type type, String word, In unit, String help, Label... labels) {
    this(type, word, unit, help, null, labels);
  }

  Metric(Buckets buckets, String word, In unit, String help, Label... labels) {
    this(Type.HISTOGRAM, word, unit, help, buckets, labels);
  }

  Metric(Type type, String word, In unit, String help, @Nullable Buckets buckets, Label... labels) {
    this.type = type;
    this.word = PREFIX + word;
    this.unit = unit;
    this.help = help;
    this.buckets = buckets;
    this.labels = List.of(labels);
  }

  public Type type() {
    return type;
  }

  /** The name of its series; those of a histogram have a further ending. */
  public String word() {
    return word;
  }

  public In unit() {
    return unit;
  }

  public String help() {
    return help;
  }

  /** Of a histogram; else null. */
  public @Nullable Buckets buckets() {
    return buckets;
  }

  public List<Label> labels() {
    return labels;
  }

  /** Whether it is a time that a request or a part of it took: such a one has exemplars. */
  public boolean latency() {
    return buckets != null
        && unit == In.SECONDS
        && this != EVENT_LOOP_LAG
        && this != SCRAPE
        && this != COLLECTIVE_SPREAD;
  }
}
