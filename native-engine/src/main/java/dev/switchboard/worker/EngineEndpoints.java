package dev.switchboard.worker;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.switchboard.executor.ExecutorException;
import dev.switchboard.executor.Fault;
import dev.switchboard.openai.ApiError;
import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timers.Timers;
import dev.switchboard.timers.Timers.Timer;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** {@code /engine/v1/*}: what operators and the gateway ask a worker. On the event loop. */
final class EngineEndpoints {
  private static final Logger LOG = LoggerFactory.getLogger(EngineEndpoints.class);
  private static final String PREFIX = "/engine/v1/";
  private static final String REQUESTS = "/engine/v1/requests/";
  private static final String TIMELINE = "/timeline";

  private static final long MOST_FAULT_MS = 7_200_000;
  private static final int DEFAULT_STEPS = 200;
  private static final int MOST_STEPS = 1000;

  private final Timers timers;
  private final WorkerSettings settings;
  private final Worker worker;
  private final Canary canary;
  private final BodyReader bodies;
  private final Connections connections;

  /** Timers that take faults back. */
  private final Map<Lane, Timer> faultEnds = new ConcurrentHashMap<>();

  /** Where a fault is; −1 for all stages, or all ranks. */
  private record Lane(int stage, int rank) {}

  EngineEndpoints(
      Timers timers,
      WorkerSettings settings,
      Worker worker,
      Canary canary,
      BodyReader bodies,
      Connections connections) {
    this.timers = timers;
    this.settings = settings;
    this.worker = worker;
    this.canary = canary;
    this.bodies = bodies;
    this.connections = connections;
  }

  static boolean serves(String path) {
    return path.startsWith(PREFIX);
  }

  void handle(Exchange exchange) {
    String path = exchange.path();
    switch (path) {
      case "/engine/v1/state" -> on(HttpMethod.GET, exchange, this::state);
      case "/engine/v1/devices" -> on(HttpMethod.GET, exchange, this::devices);
      case "/engine/v1/steps" -> on(HttpMethod.GET, exchange, this::steps);
      case "/engine/v1/load" -> on(HttpMethod.GET, exchange, this::load);
      case "/engine/v1/requests" -> on(HttpMethod.GET, exchange, this::requests);
      case "/engine/v1/canary" -> on(HttpMethod.POST, exchange, this::canary);
      case "/engine/v1/drain" -> on(HttpMethod.POST, exchange, this::drain);
      case "/engine/v1/resume" -> on(HttpMethod.POST, exchange, this::resume);
      case "/engine/v1/faults" -> on(HttpMethod.POST, exchange, this::faults);
      default -> request(exchange, path);
    }
  }

  private static void on(HttpMethod method, Exchange exchange, Consumer<Exchange> action) {
    if (exchange.accepts(method)) {
      action.accept(exchange);
    }
  }

  private void request(Exchange exchange, String path) {
    if (!path.startsWith(REQUESTS)) {
      exchange.error(ApiError.pathNotFound(path));
    } else if (path.startsWith(TIMELINE, timelineBegins(path))) {
      on(HttpMethod.GET, exchange, this::timeline);
    } else {
      on(HttpMethod.DELETE, exchange, this::cancel);
    }
  }

  private void state(Exchange exchange) {
    exchange.json(200, Json.object(this::writeState));
  }

  private void writeState(JsonGenerator json) throws IOException {
    Lifecycle.Status status = worker.lifecycle().status();
    json.writeStringField("replica", settings.id());
    json.writeStringField("state", status.phase().word());
    json.writeStringField("reason", status.reason());
    json.writeStringField("message", status.message());
    LoadProgress.Bytes progress = worker.progress().bytes();
    json.writeObjectFieldStart("progress");
    json.writeNumberField("done_bytes", progress.done());
    json.writeNumberField("total_bytes", progress.total());
    json.writeNumberField("load_ms", worker.progress().loadNanos() / 1e6);
    json.writeEndObject();
    StateJson.inFlight(json, attempts());
    DeviceWatch.Snapshot devices = worker.devices().last();
    if (devices != null && devices.inventory().hasDevices()) {
      DevicesJson.devices(json, devices.inventory(), false);
    }
    Serving serving = worker.serving();
    if (serving == null) {
      return;
    }
    ServedModel model = serving.model();
    StateJson.model(json, model);
    StateJson.topology(json, model.topology());
    StateJson.memory(json, model.memory());
    StateJson.health(json, model.engine().health());
    json.writeObjectFieldStart("load");
    writeLoad(json, serving);
    json.writeEndObject();
  }

  /** What was read last: nobody waits for a driver here. */
  private void devices(Exchange exchange) {
    DeviceWatch watch = worker.devices();
    DeviceWatch.Snapshot last = watch.last();
    if (last == null) {
      exchange.error(ApiError.unavailable("The devices have not been looked at yet."));
    } else {
      exchange.json(200, DevicesJson.document(last.inventory(), watch.ageNanos(last)));
    }
  }

  private void steps(Exchange exchange) {
    int last = last(exchange.request().getParam("last"));
    if (last == 0) {
      exchange.error(ApiError.invalid("last", "must be a number from 1 to " + MOST_STEPS));
      return;
    }
    withModel(
        exchange,
        serving -> {
          ServedModel model = serving.model();
          exchange.json(200, StepsJson.of(model.topology(), model.engine().steps(last)));
        });
  }

  /** 0 for what is no number of steps. */
  private static int last(@Nullable String text) {
    if (text == null) {
      return DEFAULT_STEPS;
    }
    int number = text.matches("[0-9]{1,4}") ? Integer.parseInt(text) : 0;
    return number <= MOST_STEPS ? number : 0;
  }

  private void load(Exchange exchange) {
    withModel(
        exchange, serving -> exchange.json(200, Json.object(json -> writeLoad(json, serving))));
  }

  private void writeLoad(JsonGenerator json, Serving serving) throws IOException {
    StateJson.load(
        json, serving.model().engine().load(), serving.completions(), connections.size());
  }

  private void requests(Exchange exchange) {
    Serving serving = worker.serving();
    List<String> ids = serving == null ? List.of() : serving.completions().activeIds();
    Set<AttemptId> attempts = attempts();
    exchange.json(
        200,
        Json.object(
            json -> {
              json.writeArrayFieldStart("requests");
              for (String id : ids) {
                json.writeString(id);
              }
              json.writeEndArray();
              json.writeArrayFieldStart("attempts");
              for (AttemptId attempt : attempts) {
                json.writeString(attempt.toString());
              }
              json.writeEndArray();
            }));
  }

  /** Of gateways: those whose answer is not over, and those that the engine still works on. */
  private Set<AttemptId> attempts() {
    Set<AttemptId> attempts = new HashSet<>(connections.attempts());
    Serving serving = worker.serving();
    if (serving != null) {
      attempts.addAll(serving.completions().activeAttempts());
    }
    return attempts;
  }

  /** An id may be spelled like what stands behind it: that begins behind an id at the earliest. */
  private static int timelineBegins(String path) {
    return Math.max(REQUESTS.length(), path.length() - TIMELINE.length());
  }

  private void timeline(Exchange exchange) {
    String path = exchange.path();
    String id = path.substring(REQUESTS.length(), timelineBegins(path));
    TimelineDocument.Steps steps =
        "steps".equals(exchange.request().getParam("detail"))
            ? TimelineDocument.Steps.ALL
            : TimelineDocument.Steps.NONE;
    withModel(
        exchange,
        serving -> {
          String timelines = serving.completions().timelines(id, steps);
          if (timelines == null) {
            exchange.error(unknownRequest());
          } else {
            exchange.json(200, timelines);
          }
        });
  }

  private void cancel(Exchange exchange) {
    String id = exchange.path().substring(REQUESTS.length());
    withModel(
        exchange,
        serving -> {
          AttemptId attempt = AttemptId.of(id);
          Completions completions = serving.completions();
          int ofGateway = attempt == null ? 0 : completions.cancel(attempt);
          int cancelled = ofGateway == 0 ? completions.cancel(id) : ofGateway;
          if (cancelled == 0) {
            exchange.error(unknownRequest());
          } else {
            exchange.json(200, Json.object(json -> json.writeNumberField("cancelled", cancelled)));
          }
        });
  }

  private static ApiError unknownRequest() {
    return new ApiError(
        404, "invalid_request_error", "request_not_found", null, "No such request is known here.");
  }

  private void canary(Exchange exchange) {
    withModel(
        exchange,
        serving ->
            canary.send(
                serving.model(),
                settings.canaryTimeout(),
                outcome -> exchange.json(outcome.ok() ? 200 : 503, StateJson.canary(outcome))));
  }

  private void drain(Exchange exchange) {
    if (worker.drain("operator", "Drained through the API.")) {
      draining(exchange);
    } else {
      conflict(exchange);
    }
  }

  private void resume(Exchange exchange) {
    if (worker.resume()) {
      draining(exchange);
    } else {
      conflict(exchange);
    }
  }

  private void draining(Exchange exchange) {
    Serving serving = worker.serving();
    int active = serving == null ? 0 : serving.completions().activeRequests();
    exchange.json(
        200,
        Json.object(
            json -> {
              json.writeStringField("state", worker.lifecycle().phase().word());
              json.writeNumberField("requests", active);
            }));
  }

  private void conflict(Exchange exchange) {
    String message = "The worker is " + worker.lifecycle().phase().word() + ".";
    exchange.error(new ApiError(409, "invalid_request_error", "wrong_state", null, message));
  }

  private void faults(Exchange exchange) {
    if (!settings.allowFaultInjection()) {
      exchange.error(
          ApiError.forbidden(
              "Faults are injected only when started with --allow-fault-injection."));
      return;
    }
    withModel(
        exchange,
        serving ->
            bodies.read(
                exchange,
                body -> {
                  body.place().leave();
                  inject(exchange, serving, body.bytes());
                }));
  }

  private void inject(Exchange exchange, Serving serving, Buffer body) {
    Consumer<Fault> faults = serving.model().faults();
    if (faults == null) {
      exchange.error(ApiError.forbidden("This engine takes no faults."));
      return;
    }
    try {
      FaultFields fields = fields(body);
      Fault fault = fields.fault();
      faults.accept(fault);
      endLater(new Lane(fault.stage(), fault.rank()), fields.forMs, faults);
      exchange.json(200, Json.object(json -> json.writeBooleanField("injected", true)));
    } catch (ExecutorException | IllegalArgumentException refused) {
      exchange.error(ApiError.invalid("fault", String.valueOf(refused.getMessage())));
    } catch (IOException malformed) {
      exchange.error(ApiError.malformed("The body is not a JSON object with a fault."));
    }
  }

  /** Whoever injects a fault may be gone by its end, so it ends here. */
  private void endLater(Lane lane, long forMs, Consumer<Fault> faults) {
    Timer before =
        forMs == 0
            ? faultEnds.remove(lane)
            : faultEnds.put(lane, timers.after(forMs, () -> end(lane, faults)));
    if (before != null) {
      before.cancel();
    }
  }

  private void end(Lane lane, Consumer<Fault> faults) {
    faultEnds.remove(lane);
    try {
      faults.accept(new Fault(Fault.Kind.NONE, lane.stage, lane.rank, 0, 0, 0));
    } catch (ExecutorException gone) {
      LOG.warn("fault_not_ended stage={} rank={}", lane.stage, lane.rank, gone);
    }
  }

  private static FaultFields fields(Buffer body) throws IOException {
    FaultFields fields = new FaultFields();
    try (JsonParser json = Json.parser(body.getBytes())) {
      if (json.nextToken() != JsonToken.START_OBJECT) {
        throw new IllegalArgumentException("the fault must be a JSON object");
      }
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String name = json.currentName();
        json.nextToken();
        fields.read(name, json);
      }
    }
    return fields;
  }

  /** The fields of a fault, with their defaults. */
  private static final class FaultFields {
    private Fault.Kind kind = Fault.Kind.NONE;
    private int stage = -1;
    private int rank = -1;
    private long firstStep;
    private long steps;
    private long amount;
    private long forMs;

    void read(String name, JsonParser json) throws IOException {
      switch (name) {
        case "kind" -> kind = kind(json.getText());
        case "stage" -> stage = json.getIntValue();
        case "rank" -> rank = json.getIntValue();
        case "first_step" -> firstStep = json.getLongValue();
        case "steps" -> steps = json.getLongValue();
        case "amount" -> amount = json.getLongValue();
        case "for_ms" -> forMs = milliseconds(json.getLongValue());
        default -> throw new IllegalArgumentException("unknown field '" + name + "'");
      }
    }

    private static long milliseconds(long value) {
      if (value < 0 || value > MOST_FAULT_MS) {
        throw new IllegalArgumentException("for_ms must be 0 to " + MOST_FAULT_MS);
      }
      return value;
    }

    private static Fault.Kind kind(String word) {
      for (Fault.Kind kind : Fault.Kind.values()) {
        if (kind.name().toLowerCase(Locale.ROOT).equals(word)) {
          return kind;
        }
      }
      throw new IllegalArgumentException(
          "kind must be none, delay, slow, fail, out_of_memory or hang");
    }

    Fault fault() {
      return new Fault(kind, stage, rank, firstStep, steps, amount);
    }
  }

  private void withModel(Exchange exchange, Consumer<Serving> action) {
    Serving serving = worker.serving();
    if (serving == null) {
      exchange.error(worker.refusal());
    } else {
      action.accept(serving);
    }
  }
}
