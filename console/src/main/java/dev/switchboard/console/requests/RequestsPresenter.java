package dev.switchboard.console.requests;

import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.live.Gateways;
import dev.switchboard.console.live.Latest;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.live.Shared;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Lists requests: the newest live, and older ones page by page. */
public final class RequestsPresenter {
  static final int PAGE = 200;
  static final int MOST = 2000;
  static final int RUNNING_SHOWN = 50;

  private final Gateways gateways;
  private final Clock clock;
  private Filters filters;
  private final List<RequestRow> older = new ArrayList<>();
  private final Latest newest = new Latest();
  private String next = "";
  private @Nullable String failure;

  public RequestsPresenter(Gateways gateways, Clock clock, Filters filters) {
    this.gateways = gateways;
    this.clock = clock;
    this.filters = filters;
  }

  public Filters filters() {
    return filters;
  }

  /** Wants others from now on. */
  public void filter(Filters wanted) {
    filters = wanted;
    older.clear();
    newest.forget();
    next = "";
  }

  private @Nullable LiveGateway gateway() {
    return gateways.find(filters.gateway()).orElse(null);
  }

  /** The newest, and behind them the older ones that were asked for. */
  public List<RequestRow> rows() {
    LiveGateway gateway = gateway();
    if (gateway == null) {
      failure = "There is no gateway " + filters.gateway();
      return List.of();
    }
    Shared read = newest(gateway);
    failure = read.failure();
    List<RequestRow> rows = new ArrayList<>();
    JsonNode answer = read.answer();
    if (answer != null) {
      answer.path("requests").forEach(r -> rows.add(RequestRow.of(gateway.name(), r)));
      if (older.isEmpty()) {
        next = answer.path("next").asString("");
      }
    }
    older.stream().filter(row -> !rows.contains(row)).forEach(rows::add);
    return rows;
  }

  private Shared newest(LiveGateway gateway) {
    return newest.of(gateway.shared(filters.path(PAGE, "", clock.instant())));
  }

  /** Requests that run; empty where the gateway cannot say so. */
  public List<RunningRow> running() {
    List<RunningRow> rows = new ArrayList<>();
    LiveGateway gateway = gateway();
    JsonNode answer =
        gateway == null ? null : gateway.shared(filters.running(RUNNING_SHOWN)).answer();
    if (answer != null) {
      answer.path("requests").forEach(r -> rows.add(RunningRow.of(r)));
    }
    return rows;
  }

  /** How many more run than are told. */
  public long runningLeftOut() {
    LiveGateway gateway = gateway();
    JsonNode answer =
        gateway == null ? null : gateway.shared(filters.running(RUNNING_SHOWN)).answer();
    return answer == null ? 0 : answer.path("left_out").asLong(0);
  }

  /** Begins to tell of requests as they end; null where there is no such gateway. */
  @Nullable Tail tail(Runnable changed) {
    LiveGateway gateway = gateway();
    return gateway == null ? null : new Tail(gateway, filters, clock, changed);
  }

  /** Where changes go. */
  public @Nullable LiveGateway at() {
    return gateway();
  }

  /** Whether the question was answered yet. */
  public boolean asked() {
    LiveGateway gateway = gateway();
    if (gateway == null) {
      return true;
    }
    return newest(gateway).answer() != null;
  }

  /** Why there is none; null where there is an answer. */
  public @Nullable String failure() {
    return failure;
  }

  public boolean hasMore() {
    return !next.isEmpty() && !full();
  }

  /** Whether older ones are there and left out, since a page keeps no more. */
  public boolean cut() {
    return !next.isEmpty() && full();
  }

  private boolean full() {
    return older.size() >= MOST;
  }

  /** Fetches the page behind those that are known. */
  public void more() throws ApiFailure {
    LiveGateway gateway = gateway();
    if (gateway == null || next.isEmpty()) {
      return;
    }
    JsonNode answer = gateway.client().get(filters.path(PAGE, next, clock.instant()));
    answer.path("requests").forEach(r -> older.add(RequestRow.of(gateway.name(), r)));
    next = answer.path("next").asString("");
  }

  /** Names for the filters' suggestions. */
  public List<String> models() {
    return names("model");
  }

  public List<String> replicas() {
    return names("id");
  }

  private List<String> names(String field) {
    Set<String> names = new TreeSet<>();
    LiveGateway gateway = gateway();
    if (gateway != null) {
      gateway.snapshot().replicas().forEach(r -> names.add(r.path(field).asString("")));
    }
    return List.copyOf(names);
  }

  public List<String> classes() {
    Set<String> names = new TreeSet<>();
    LiveGateway gateway = gateway();
    if (gateway != null) {
      gateway.snapshot().classes().forEach(c -> names.add(c.path("name").asString("")));
    }
    return List.copyOf(names);
  }

  public List<String> gateways() {
    return gateways.all().stream().map(LiveGateway::name).toList();
  }
}
