package dev.switchboard.console.tenants;

import dev.switchboard.console.action.Change;
import dev.switchboard.console.action.Current;
import dev.switchboard.console.api.AdminClient;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.Latest;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.live.Shared;
import dev.switchboard.console.ui.Format;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.MissingNode;
import tools.jackson.databind.node.ObjectNode;

/** Tenants and keys of one gateway's store, and the changes that can be asked for. */
public final class TenantsPresenter {
  static final int HOURS = 24;
  private static final int HOUR_SECONDS = 3600;
  private static final int NOW_MAX = 20;
  private static final int LINES = 5;
  private static final JsonMapper JSON = new JsonMapper();
  private static final String TENANTS = "/admin/v1/tenants?limit=1000";
  private static final String KEYS = "/admin/v1/keys?limit=1000";

  private static final class Sum {
    private long requests;
    private long prompt;
    private long cached;
    private long output;
    private final long[] tokens = new long[HOURS];
  }

  private final LiveGateway gateway;
  private final Clock clock;
  private final Latest usage = new Latest();
  private boolean tellsNow = true;

  public TenantsPresenter(LiveGateway gateway, Clock clock) {
    this.gateway = gateway;
    this.clock = clock;
  }

  private Shared read(String path) {
    return gateway.shared(path);
  }

  private JsonNode answer(String path) {
    JsonNode answer = read(path).answer();
    return answer == null ? MissingNode.getInstance() : answer;
  }

  /** Whether the gateway told its tenants and keys, and who used what. */
  public boolean asked() {
    return Stream.of(read(TENANTS), read(KEYS), usage())
        .allMatch(shared -> shared.answer() != null);
  }

  /** Why there is nothing, or what stands here may be old; null where neither is so. */
  public @Nullable String failure() {
    return Stream.of(read(TENANTS), read(KEYS), usage())
        .map(Shared::failure)
        .filter(failure -> failure != null)
        .findFirst()
        .orElse(null);
  }

  /** What is left out since there is too much of it; empty where nothing is. */
  public String leftOut() {
    boolean more = answer(TENANTS).has("next") || answer(KEYS).has("next");
    boolean moreUsage = used().has("next_offset");
    return (more ? "Only the first 1000 are shown. " : "")
        + (moreUsage ? "Use is of the first 1000 tenants and hours only." : "");
  }

  private Instant thisHour() {
    return Instant.ofEpochSecond(clock.instant().getEpochSecond() / HOUR_SECONDS * HOUR_SECONDS);
  }

  private Shared usage() {
    Instant from = thisHour().minus(Duration.ofHours(HOURS - 1));
    return usage.of(read("/admin/v1/usage?limit=1000&from=" + AdminClient.encode("" + from)));
  }

  private JsonNode used() {
    JsonNode answer = usage().answer();
    return answer == null ? MissingNode.getInstance() : answer;
  }

  /** Everybody who has limits or keys, or used something, by name. */
  public List<TenantRow> tenants() {
    Map<String, Sum> sums = sums();
    Map<String, JsonNode> limits = new TreeMap<>();
    answer(TENANTS).path("tenants").forEach(t -> limits.put(text(t, "name"), t));
    Map<String, Long> keys = new TreeMap<>();
    keys().forEach(key -> keys.merge(key.tenant(), 1L, Long::sum));
    TreeSet<String> names = new TreeSet<>(sums.keySet());
    names.addAll(limits.keySet());
    names.addAll(keys.keySet());
    List<TenantRow> rows = new ArrayList<>();
    for (String name : names) {
      TenantRow.Now now = rows.size() < NOW_MAX ? now(name) : null;
      rows.add(row(name, limits.get(name), keys.getOrDefault(name, 0L), sums.get(name), now));
    }
    return rows;
  }

  private static TenantRow row(
      String name,
      @Nullable JsonNode limits,
      long keys,
      @Nullable Sum sum,
      TenantRow.@Nullable Now now) {
    Map<Limit, Double> held = new EnumMap<>(Limit.class);
    String version = null;
    if (limits != null) {
      for (Limit limit : Limit.values()) {
        held.put(limit, limits.path(limit.field()).asDouble(limit.unset()));
      }
      version = limits.path("version").asString("*");
    }
    Sum used = sum == null ? new Sum() : sum;
    List<Long> tokens = java.util.Arrays.stream(used.tokens).boxed().toList();
    return new TenantRow(
        name,
        version,
        held,
        keys,
        used.requests,
        used.prompt,
        used.cached,
        used.output,
        tokens,
        now);
  }

  private Map<String, Sum> sums() {
    Map<String, Sum> sums = new TreeMap<>();
    long newest = thisHour().getEpochSecond();
    for (JsonNode hour : used().path("usage")) {
      Instant at = time(hour, "hour");
      int back = at == null ? HOURS : (int) ((newest - at.getEpochSecond()) / HOUR_SECONDS);
      if (back < 0 || back >= HOURS) {
        continue;
      }
      Sum sum = sums.computeIfAbsent(text(hour, "tenant"), _ -> new Sum());
      long prompt = hour.path("prompt_tokens").asLong(0);
      long output = hour.path("output_tokens").asLong(0);
      sum.requests += hour.path("requests").asLong(0);
      sum.prompt += prompt;
      sum.cached += hour.path("cached_tokens").asLong(0);
      sum.output += output;
      sum.tokens[HOURS - 1 - back] += prompt + output;
    }
    return sums;
  }

  private TenantRow.@Nullable Now now(String name) {
    if (!tellsNow) {
      return null;
    }
    Shared read = read("/admin/v1/tenants/" + AdminClient.encode(name) + "/now");
    String failure = read.failure();
    if (failure != null && failure.contains("unknown_url")) {
      tellsNow = false;
    }
    JsonNode answer = read.answer();
    if (answer == null) {
      return null;
    }
    List<TenantRow.Use> uses = new ArrayList<>();
    use(uses, "requests/min", answer.path("requests_per_minute"));
    use(uses, "tokens/min", answer.path("tokens_per_minute"));
    use(uses, "at once", answer.path("concurrency"));
    use(uses, "tokens/day", answer.path("tokens_per_day"));
    use(uses, "tokens/month", answer.path("tokens_per_month"));
    uses.sort(Comparator.comparingDouble(TenantRow.Use::share).reversed());
    return new TenantRow.Now(answer.path("concurrency").path("used").asLong(0), uses);
  }

  private static void use(List<TenantRow.Use> uses, String title, JsonNode use) {
    if (use.path("limit").isNumber()) {
      uses.add(
          new TenantRow.Use(title, use.path("used").asDouble(0), use.path("limit").asDouble(0)));
    }
  }

  /** Keys by name. */
  public List<KeyRow> keys() {
    List<KeyRow> rows = new ArrayList<>();
    answer(KEYS).path("keys").forEach(key -> rows.add(key(key)));
    return rows;
  }

  private static KeyRow key(JsonNode key) {
    return new KeyRow(
        text(key, "id"),
        text(key, "name"),
        text(key, "tenant"),
        text(key, "role"),
        text(key, "beginning"),
        text(key, "created_by"),
        key.path("delegate").asBoolean(false),
        text(key, "version"),
        time(key, "created_at"),
        time(key, "last_used"),
        time(key, "expires_at"));
  }

  private static String text(JsonNode node, String field) {
    return node.path(field).asString("");
  }

  private static @Nullable Instant time(JsonNode node, String field) {
    try {
      return Instant.parse(node.path(field).asString(""));
    } catch (DateTimeException _) {
      return null;
    }
  }

  /** The start of the hour that goes on. */
  public long newestHour() {
    return thisHour().getEpochSecond();
  }

  /** Those who used most tokens in the last day, the most first; at most five. */
  public List<TenantRow> largest() {
    return tenants().stream()
        .filter(t -> t.requests() > 0)
        .sorted(
            Comparator.comparingLong((TenantRow t) -> t.promptTokens() + t.outputTokens())
                .reversed()
                .thenComparing(TenantRow::name))
        .limit(LINES)
        .toList();
  }

  /** Sets the limits as a whole. */
  public Change set(String name, @Nullable TenantRow before, Map<Limit, Double> wanted) {
    ObjectNode body = JSON.createObjectNode();
    for (Limit limit : Limit.values()) {
      double value = wanted.getOrDefault(limit, limit.unset());
      if (value == Math.rint(value) && limit != Limit.WEIGHT) {
        body.put(limit.field(), (long) value);
      } else {
        body.put(limit.field(), value);
      }
    }
    String version = before == null ? null : before.version();
    return new Change(
            "Set limits of " + name,
            Role.ADMIN,
            "PUT",
            path(name),
            body,
            version == null ? Current.NONE : version,
            differences(before, wanted),
            false,
            _ -> back(name, before))
        .remadeBy(now -> set(name, limited(name, now), wanted));
  }

  private static @Nullable TenantRow limited(String name, JsonNode now) {
    return now.isMissingNode() ? null : row(name, now, 0, null, null);
  }

  private static List<String> differences(@Nullable TenantRow before, Map<Limit, Double> wanted) {
    List<String> lines = new ArrayList<>();
    for (Limit limit : Limit.values()) {
      double was = before == null ? limit.unset() : before.limit(limit);
      double will = wanted.getOrDefault(limit, limit.unset());
      if (was != will) {
        lines.add(limit.title() + ": " + value(limit, was) + " → " + value(limit, will));
      }
    }
    if (lines.isEmpty()) {
      return List.of("Nothing changes");
    }
    lines.add("Holds for new requests, at every gateway of this store");
    return lines;
  }

  static String value(Limit limit, double value) {
    return value == 0 && limit.zeroIsNone() ? "no limit" : exact(value);
  }

  private static String exact(double value) {
    return value == Math.rint(value)
        ? String.format(java.util.Locale.ROOT, "%,.0f", value)
        : Double.toString(value);
  }

  /** Takes all limits away. */
  public Change forget(TenantRow row) {
    return new Change(
            "Delete limits of " + row.name(),
            Role.ADMIN,
            "DELETE",
            path(row.name()),
            null,
            row.version(),
            List.of(
                row.name() + " goes without limits of its own",
                "Its keys stay valid",
                "What it used stays on record"),
            true,
            _ -> back(row.name(), row))
        .remadeBy(
            now ->
                forget(
                    row(row.name(), Current.still(now, "limit of " + row.name()), 0, null, null)));
  }

  /** Has a tenant's limits as they were. */
  private Change back(String name, @Nullable TenantRow before) throws ApiFailure {
    TenantRow now = limited(name, Current.read(gateway, path(name)));
    return before == null || !before.limited()
        ? forget(now == null ? row(name, null, 0, null, null) : now)
        : set(name, now, before.limits());
  }

  private static String path(String tenant) {
    return "/admin/v1/tenants/" + AdminClient.encode(tenant);
  }

  /** Makes a key. */
  public Change create(
      String name, String tenant, String role, @Nullable Duration valid, boolean delegate) {
    ObjectNode body = JSON.createObjectNode().put("name", name.strip());
    if (!tenant.isBlank()) {
      body.put("tenant", tenant.strip());
    }
    body.put("role", role);
    if (valid != null) {
      body.put("expires_in_seconds", valid.toSeconds());
    }
    if (delegate) {
      body.put("delegate", true);
    }
    List<String> effects = new ArrayList<>();
    effects.add(roleWords(role));
    effects.add(
        valid == null ? "It is valid until it is revoked" : "It ends in " + Format.duration(valid));
    if (delegate) {
      effects.add("Its holder may say for whom it acts");
    }
    effects.add("Its text is shown once, and kept nowhere");
    boolean strong = !role.equals("app");
    return new Change(
        "Create key", Role.ADMIN, "POST", "/admin/v1/keys", body, null, effects, strong);
  }

  static String roleWords(String role) {
    return switch (role) {
      case "viewer" -> "It reads the admin API, and changes nothing";
      case "operator" -> "It drains, restarts and runs drills by the admin API";
      case "admin" -> "It may everything by the admin API, keys included";
      default -> "It calls models, and may nothing by the admin API";
    };
  }

  /** Makes a key in the place of another one, which ends after the overlap. */
  public Change rotate(KeyRow key, Duration overlap) {
    ObjectNode body = JSON.createObjectNode().put("overlap_seconds", overlap.toSeconds());
    String ends =
        overlap.isZero()
            ? key.name() + " ends at once"
            : "Both are valid for " + Format.duration(overlap) + "; then " + key.name() + " ends";
    return new Change(
            "Rotate " + key.name(),
            Role.ADMIN,
            "POST",
            "/admin/v1/keys/" + AdminClient.encode(key.id()) + "/rotate",
            body,
            key.version().isEmpty() ? null : key.version(),
            List.of(
                "A new key of the same tenant and role is made, and shown once", ends, used(key)),
            overlap.isZero())
        .remadeBy(now -> rotate(key(Current.still(now, "key " + key.name())), overlap));
  }

  /** Ends a key. */
  public Change revoke(KeyRow key) {
    return new Change(
        "Revoke " + key.name(),
        Role.ADMIN,
        "DELETE",
        "/admin/v1/keys/" + AdminClient.encode(key.id()),
        null,
        null,
        List.of(
            "Whoever uses it is refused from now on", "It cannot be made valid again", used(key)),
        true);
  }

  private String used(KeyRow key) {
    Instant used = key.lastUsed();
    return used == null
        ? "Nobody has used it yet"
        : "It was last used " + Format.ago(used, clock.instant());
  }
}
